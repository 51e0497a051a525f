"""What people look at: pictures, and descriptions of files and machines."""
