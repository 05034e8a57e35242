"""The copies of an archive: compared, made again, brought to other stores."""
