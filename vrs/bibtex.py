"""
@article{Sorzano2022,
  title = {Image processing tools for the validation of {CryoEM} maps},
  author = {Sorzano, C. O. S. and others},
  journal = {Faraday Discussions},
  volume = {240},
  pages = {210--227},
  year = {2022},
  doi = {https://doi.org/10.1039/d2fd00059h}
}
@article{Rosenthal2003,
  title = {Optimal determination of particle orientation, absolute hand, and contrast loss in single-particle electron cryomicroscopy},
  author = {Rosenthal, Peter B. and Henderson, Richard},
  journal = {Journal of Molecular Biology},
  volume = {333},
  number = {4},
  pages = {721--745},
  year = {2003},
  doi = {https://doi.org/10.1016/j.jmb.2003.07.013}
}
@article{Kaur2021,
  title = {Local computational methods to improve the interpretability and analysis of cryo-{EM} maps},
  author = {Kaur, Satinder and others},
  journal = {Nature Communications},
  volume = {12},
  pages = {1240},
  year = {2021},
  doi = {https://doi.org/10.1038/s41467-021-21509-5}
}
@article{RamirezAportela2019,
  title = {{DeepRes}: a new deep-learning- and aspect-based local resolution method for electron-microscopy maps},
  author = {Ram{\\'i}rez-Aportela, Erney and Mota, Javier and Conesa, Pablo and Carazo, Jose Maria and Sorzano, Carlos Oscar S.},
  journal = {IUCrJ},
  volume = {6},
  pages = {1054--1063},
  year = {2019},
  doi = {https://doi.org/10.1107/S2052252519011692}
}
@article{GarciaCondado2022,
  title = {Automatic determination of the handedness of single-particle maps of macromolecules solved by {CryoEM}},
  author = {Garc{\\'i}a Condado, J. and Mu{\\~n}oz-Barrutia, A. and Sorzano, C. O. S.},
  journal = {Journal of Structural Biology},
  volume = {214},
  number = {4},
  pages = {107915},
  year = {2022},
  doi = {https://doi.org/10.1016/j.jsb.2022.107915}
}
@article{delaRosaTrevin2016,
  title = {Scipion: a software framework toward integration, reproducibility and validation in {3D} electron microscopy},
  author = {de la Rosa-Trev{\\'i}n, J. M. and others},
  journal = {Journal of Structural Biology},
  volume = {195},
  number = {1},
  pages = {93--99},
  year = {2016},
  doi = {https://doi.org/10.1016/j.jsb.2016.04.010}
}
"""
