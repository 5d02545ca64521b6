"""The layers and models of the installed libraries, as they initialize themselves."""
