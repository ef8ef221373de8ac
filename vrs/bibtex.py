r"""
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
  author = {Ramírez-Aportela, Erney and Mota, Javier and Conesa, Pablo and Carazo, Jose Maria and Sorzano, Carlos Oscar S.},
  journal = {IUCrJ},
  volume = {6},
  pages = {1054--1063},
  year = {2019},
  doi = {https://doi.org/10.1107/S2052252519011692}
}
@article{GarciaCondado2022,
  title = {Automatic determination of the handedness of single-particle maps of macromolecules solved by {CryoEM}},
  author = {García Condado, J. and Muñoz-Barrutia, A. and Sorzano, C. O. S.},
  journal = {Journal of Structural Biology},
  volume = {214},
  number = {4},
  pages = {107915},
  year = {2022},
  doi = {https://doi.org/10.1016/j.jsb.2022.107915}
}
@article{delaRosaTrevin2016,
  title = {Scipion: a software framework toward integration, reproducibility and validation in {3D} electron microscopy},
  author = {de la Rosa-Trevín, J. M. and others},
  journal = {Journal of Structural Biology},
  volume = {195},
  number = {1},
  pages = {93--99},
  year = {2016},
  doi = {https://doi.org/10.1016/j.jsb.2016.04.010}
}

@article{Harauz1986,
 title={Exact filters for general geometry three dimensional reconstruction},
 author={Harauz, George and van Heel, Marin},
 journal={Optik}, volume={73}, pages={146--156}, year={1986}
}

@article{VanHeel2005,
 title={{Fourier} shell correlation threshold criteria},
 author={van Heel, Marin and Schatz, Michael},
 journal={Journal of Structural Biology}, volume={151}, pages={250--262}, year={2005},
 doi={https://doi.org/10.1016/j.jsb.2005.05.009}
}

@article{Penczek2002,
 title={Three-dimensional spectral signal-to-noise ratio for a class of reconstruction algorithms},
 author={Penczek, Pawel A.},
 journal={Journal of Structural Biology}, volume={138}, pages={34--46}, year={2002},
 doi={https://doi.org/10.1016/S1047-8477(02)00033-3}
}

@article{Chen2013,
 title={High-resolution noise substitution to measure overfitting and validate resolution in {3D}
structure determination by single particle electron cryomicroscopy},
 author={Chen, Shaoxia and McMullan, Greg and Faruqi, Abdul R. and Murshudov, Garib N. and Short,
Judith M. and Scheres, Sjors H. W. and Henderson, Richard},
 journal={Ultramicroscopy}, volume={135}, pages={24--35}, year={2013},
 doi={https://doi.org/10.1016/j.ultramic.2013.06.004}
}

@article{Henderson2013,
 title={Avoiding the pitfalls of single particle cryo-electron microscopy: {Einstein} from noise},
 author={Henderson, Richard},
 journal={Proceedings of the National Academy of Sciences USA}, volume={110},
 pages={18037--18041}, year={2013},
 doi={https://doi.org/10.1073/pnas.1314449110}
}

@article{Zivanov2018,
 title={New tools for automated high-resolution cryo-{EM} structure determination in {RELION}-3},
 author={Zivanov, Jasenko and Nakane, Takanori and Forsberg, Björn O. and Kimanius, Dari and
Hagen, Wim J. H. and Lindahl, Erik and Scheres, Sjors H. W.},
 journal={eLife}, volume={7}, pages={e42166}, year={2018},
 doi={https://doi.org/10.7554/eLife.42166}
}

@article{Rohou2015,
 title={{CTFFIND4}: Fast and accurate defocus estimation from electron micrographs},
 author={Rohou, Alexis and Grigorieff, Nikolaus},
 journal={Journal of Structural Biology}, volume={192}, pages={216--221}, year={2015},
 doi={https://doi.org/10.1016/j.jsb.2015.08.008}
}

@article{Beckers2020,
 title={Permutation testing of {Fourier} shell correlation for resolution estimation of cryo-{EM}
maps},
 author={Beckers, Maximilian and Sachse, Carsten},
 journal={Journal of Structural Biology}, volume={212}, pages={107579}, year={2020},
 doi={https://doi.org/10.1016/j.jsb.2020.107579}
}

@article{Cardone2013,
 title={One number does not fit all: mapping local variations in resolution in cryo-{EM}
reconstructions},
 author={Cardone, Giovanni and Heymann, J. Bernard and Steven, Alasdair C.},
 journal={Journal of Structural Biology}, volume={184}, pages={226--236}, year={2013},
 doi={https://doi.org/10.1016/j.jsb.2013.08.002}
}

@article{Kucukelbir2014,
 title={Quantifying the local resolution of cryo-{EM} density maps},
 author={Kucukelbir, Alp and Sigworth, Fred J. and Tagare, Hemant D.},
 journal={Nature Methods}, volume={11}, pages={63--65}, year={2014},
 doi={https://doi.org/10.1038/nmeth.2727}
}

@article{Vilas2018,
 title={{MonoRes}: automatic and accurate estimation of local resolution for electron microscopy
maps},
 author={Vilas, Jose Luis and others},
 journal={Structure}, volume={26}, pages={337--344}, year={2018},
 doi={https://doi.org/10.1016/j.str.2017.12.018}
}

@article{Vilas2020,
 title={Measuring local-directional resolution and local anisotropy in cryo-{EM} maps},
 author={Vilas, Jose Luis and Tagare, Hemant D. and Vargas, Javier and Carazo, Jose Maria and
Sorzano, Carlos Oscar S.},
 journal={Nature Communications}, volume={11}, pages={55}, year={2020},
 doi={https://doi.org/10.1038/s41467-019-13742-w}
}

@article{Vilas2023,
 title={New measures of anisotropy of cryo-{EM} maps},
 author={Vilas, Jose-Luis and Tagare, Hemant D.},
 journal={Nature Methods}, volume={20}, pages={1021--1024}, year={2023},
 doi={https://doi.org/10.1038/s41592-023-01874-3}
}

@article{Tan2017,
 title={Addressing preferred specimen orientation in single-particle cryo-{EM} through tilting},
 author={Tan, Yong Zi and others},
 journal={Nature Methods}, volume={14}, pages={793--796}, year={2017},
 doi={https://doi.org/10.1038/nmeth.4347}
}

@article{Pintilie2020,
 title={Measurement of atom resolvability in cryo-{EM} maps with {Q}-scores},
 author={Pintilie, Grigore and Zhang, Kaiming and Su, Zhaoming and Li, Shanshan and Schmid, Michael
F. and Chiu, Wah},
 journal={Nature Methods}, volume={17}, pages={328--334}, year={2020},
 doi={https://doi.org/10.1038/s41592-020-0731-1}
}

@article{Wang2022,
 title={Validation analysis of {EMDB} entries},
 author={Wang, Zhe and Patwardhan, Ardan and Kleywegt, Gerard J.},
 journal={Acta Crystallographica Section D}, volume={78}, pages={542--552}, year={2022},
 doi={https://doi.org/10.1107/S205979832200328X}
}

@article{Barad2015,
 title={{EMRinger}: side chain-directed model and map validation for {3D} cryo-electron microscopy},
 author={Barad, Benjamin A. and others},
 journal={Nature Methods}, volume={12}, pages={943--946}, year={2015},
 doi={https://doi.org/10.1038/nmeth.3541}
}

@article{Afonine2018,
 title={New tools for the analysis and validation of cryo-{EM} maps and atomic models},
 author={Afonine, Pavel V. and others},
 journal={Acta Crystallographica Section D}, volume={74}, pages={814--840}, year={2018},
 doi={https://doi.org/10.1107/S2059798318009324}
}

@article{RamirezAportela2021,
 title={{FSC-Q}: a {CryoEM} map-to-atomic model quality validation based on the local {Fourier} shell
correlation},
 author={Ramírez-Aportela, Erney and others},
 journal={Nature Communications}, volume={12}, pages={42}, year={2021},
 doi={https://doi.org/10.1038/s41467-020-20295-w}
}

@article{Herzik2019,
 title={A multi-model approach to assessing local and global cryo-{EM} map quality},
 author={Herzik, Mark A. and Fraser, James S. and Lander, Gabriel C.},
 journal={Structure}, volume={27}, pages={344--358}, year={2019},
 doi={https://doi.org/10.1016/j.str.2018.10.003}
}

@article{Terashi2022,
 title={Residue-wise local quality estimation for protein models from cryo-{EM} maps},
 author={Terashi, Genki and Wang, Xiao and Maddhuri Venkata Subramaniya, Sai Raghavendra and Tesmer,
John J. G. and Kihara, Daisuke},
 journal={Nature Methods}, volume={19}, pages={1116--1125}, year={2022},
 doi={https://doi.org/10.1038/s41592-022-01574-4}
}

@article{Labesse1997,
 title={{P-SEA}: a new efficient assignment of secondary structure from {CA} trace of proteins},
 author={Labesse, G. and Colloc'h, N. and Pothier, J. and Mornon, J.-P.},
 journal={Bioinformatics}, volume={13}, pages={291--295}, year={1997},
 doi={https://doi.org/10.1093/bioinformatics/13.3.291}
}

@article{Naydenova2017,
 title={Measuring the effects of particle orientation to improve the efficiency of electron
cryomicroscopy},
 author={Naydenova, Katerina and Russo, Christopher J.},
 journal={Nature Communications}, volume={8}, pages={629}, year={2017},
 doi={https://doi.org/10.1038/s41467-017-00782-3}
}

@article{Baldwin2020,
 title={Non-uniformity of projection distributions attenuates resolution in Cryo-{EM}},
 author={Baldwin, Philip R. and Lyumkis, Dmitry},
 journal={Progress in Biophysics and Molecular Biology}, volume={150}, pages={160--183},
 year={2020},
 doi={https://doi.org/10.1016/j.pbiomolbio.2019.09.002}
}

@article{Bullock2016,
 title={The importance of non-accessible crosslinks and solvent accessible surface distance in
modeling proteins with restraints from crosslinking mass spectrometry},
 author={Bullock, Joshua M.A. and Schwab, Jannik and Thalassinos, Konstantinos and Topf, Maya},
 journal={Molecular \& Cellular Proteomics}, volume={15}, pages={2491--2500}, year={2016},
 doi={https://doi.org/10.1074/mcp.M116.058560}
}

@article{Sinnott2020,
 title={Combining information from crosslinks and monolinks in the modeling of protein structures},
 author={Sinnott, Matthew and Malhotra, Sony and Madhusudhan, Mallur S. and Thalassinos,
Konstantinos and Topf, Maya},
 journal={Structure}, volume={28}, pages={1061--1070}, year={2020},
 doi={https://doi.org/10.1016/j.str.2020.05.012}
}

@article{SanchezGarcia2020,
 title={{MicrographCleaner}: a python package for cryo-{EM} micrograph cleaning using deep learning},
 author={Sanchez-Garcia, Ruben and Segura, Joan and Maluenda, David and Sorzano, C.O.S. and
Carazo, J.M.},
 journal={Journal of Structural Biology}, volume={210}, pages={107498}, year={2020},
 doi={https://doi.org/10.1016/j.jsb.2020.107498}
}

@article{Svergun1995,
 title={{CRYSOL} -- a program to evaluate {X}-ray solution scattering of biological macromolecules
from atomic coordinates},
 author={Svergun, Dmitri I. and Barberato, Claudio and Koch, Michel H. J.},
 journal={Journal of Applied Crystallography}, volume={28}, pages={768--773}, year={1995},
 doi={https://doi.org/10.1107/S0021889895007047}
}

@article{Hansen2000,
 title={Bayesian estimation of hyperparameters for indirect {Fourier} transformation in small-angle
scattering},
 author={Hansen, Steen},
 journal={Journal of Applied Crystallography}, volume={33}, pages={1415--1421}, year={2000},
 doi={https://doi.org/10.1107/S0021889800012930}
}

@article{Franke2015,
 title={Correlation Map, a goodness-of-fit test for one-dimensional {X}-ray scattering spectra},
 author={Franke, Daniel and Jeffries, Cy M. and Svergun, Dmitri I.},
 journal={Nature Methods}, volume={12}, pages={419--422}, year={2015},
 doi={https://doi.org/10.1038/nmeth.3358}
}

@article{Henderson2011,
 title={Tilt-pair analysis of images from a range of different specimens in single-particle electron
cryomicroscopy},
 author={Henderson, Richard and others},
 journal={Journal of Molecular Biology}, volume={413}, pages={1028--1046}, year={2011},
 doi={https://doi.org/10.1016/j.jmb.2011.09.008}
}

@article{Turner2024,
 title={{EMDB} -- the {Electron Microscopy Data Bank}},
 author={Turner, Jack and others},
 journal={Nucleic Acids Research}, volume={52}, pages={D456--D465}, year={2024},
 doi={https://doi.org/10.1093/nar/gkad1019}
}

@article{Storey2002,
 title={A direct approach to false discovery rates},
 author={Storey, John D.},
 journal={Journal of the Royal Statistical Society B}, volume={64}, pages={479--498}, year={2002},
 doi={https://doi.org/10.1111/1467-9868.00346}
}

@article{Saxton1982,
 title={The correlation averaging of a regularly arranged bacterial cell envelope protein},
 author={Saxton, W. O. and Baumeister, W.},
 journal={Journal of Microscopy}, volume={127}, pages={127--138}, year={1982},
 doi={https://doi.org/10.1111/j.1365-2818.1982.tb00405.x}
}

@article{Penczek1992,
 title={Three-dimensional reconstruction of single particles embedded in ice},
 author={Penczek, Pawel and Radermacher, Michael and Frank, Joachim},
 journal={Ultramicroscopy}, volume={40}, pages={33--53}, year={1992},
 doi={https://doi.org/10.1016/0304-3991(92)90011-8}
}

@article{Vargas2017,
 title={Quantitative analysis of {3D} alignment quality: its impact on soft-validation, particle
pruning and homogeneity analysis},
 author={Vargas, J. and Melero, R. and Gómez-Blanco, J. and Carazo, J. M. and Sorzano,
C. O. S.},
 journal={Scientific Reports}, volume={7}, pages={6307}, year={2017},
 doi={https://doi.org/10.1038/s41598-017-06526-z}
}

@article{Wang2005,
 title={On the {Euclidean} distance of images},
 author={Wang, Liwei and Zhang, Yan and Feng, Jufu},
 journal={IEEE Transactions on Pattern Analysis and Machine Intelligence}, volume={27},
 pages={1334--1339}, year={2005},
 doi={https://doi.org/10.1109/TPAMI.2005.165}
}

@article{Ashman1994,
 title={Detecting bimodality in astronomical datasets},
 author={Ashman, Keith M. and Bird, Christina M. and Zepf, Stephen E.},
 journal={The Astronomical Journal}, volume={108}, pages={2348--2361}, year={1994},
 doi={https://doi.org/10.1086/117248}
}

@article{Tipping1999,
 title={Probabilistic principal component analysis},
 author={Tipping, Michael E. and Bishop, Christopher M.},
 journal={Journal of the Royal Statistical Society: Series B}, volume={61}, pages={611--622},
 year={1999}, doi={https://doi.org/10.1111/1467-9868.00196}
}

@article{Penczek2011,
 title={Identifying conformational states of macromolecules by eigen-analysis of resampled cryo-{EM} images},
 author={Penczek, Pawel A. and Kimmel, Marek and Spahn, Christian M. T.},
 journal={Structure}, volume={19}, pages={1582--1590}, year={2011},
 doi={https://doi.org/10.1016/j.str.2011.10.003}
}

"""
