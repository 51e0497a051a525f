"""Maps by networks: struc2mapGAN's and cryo-GAN's generators, what they see, their training and use."""
