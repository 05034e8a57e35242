"""Manifest, index and signatures of sets, made again from their volumes and a key.

    plan      which sets lack something, and which volumes tell it
    volume    one volume, fetched, opened and checked
    members   members -> rows, and the sums of what is stored whole
    draft     the rows of a set on disk, to be looked up while they come
    content   what lies in pieces over many volumes, put together and hashed
    remake    a set's objects, made in the scratch folder
    run       ... and put in the place of those that are lost
    keys      key objects, from their copies or from the key that was given

Guide: docs/guides/rebuild.md.
"""
