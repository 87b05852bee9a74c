"""WHAT IS IT: any file that somebody saved, which kind it is, whose, and what it goes with."""
