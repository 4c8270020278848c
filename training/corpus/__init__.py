"""From a pinned list of packages to one file of permissively licensed source text.

Nothing that was fetched is ever built or run: archives are opened and read.
"""
