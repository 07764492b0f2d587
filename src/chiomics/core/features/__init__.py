"""Tables of radiomic features: one model and one reader for every way in, shared by the studies and the saved models.

`columns` declares what a table holds, `values` and `names` read what people write, `files` opens one file, tidy or
wide, and `table` gives the rows of all of them.
"""
