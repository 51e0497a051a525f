"""Maps by networks: struc2mapGAN's and cryo-GAN's generators, their inputs, training and use."""
