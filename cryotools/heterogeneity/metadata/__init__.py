"""What files say about particles: RELION's STAR, cryoSPARC's .cs, cryoDRGN's pickles and bare stacks.

Each reader returns `record.Metadata`; no image is opened here.
"""
