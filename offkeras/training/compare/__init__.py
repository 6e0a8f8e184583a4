"""Several systems of motion recognition, trained and tested on the same videos."""
