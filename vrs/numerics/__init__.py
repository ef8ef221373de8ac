"""Mathematics that the checks share: masks, Fourier shells, sections of maps."""
