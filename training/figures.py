"""Figures of the model cards from records of single maps. Needs numpy and scipy only."""

import numpy as np
from scipy.stats import rankdata, spearmanr

PERCENTILES = (2.5, 25, 50, 75, 97.5)
WRONG = ("sequence shifted", "moved by 4 Å", "other protein")
UNCERTAIN, FLIPPED = 0.4, 0.5
_UNEVEN = 1.3  # ratio of limits from which a map counts as uneven


def area(right, wrong):
    """Area under the receiver operating characteristic: how often right is above wrong."""
    ranks = rankdata(np.concatenate([right, wrong]))
    count = len(right)
    return (ranks[:count].sum() - count * (count + 1) / 2) / (count * len(wrong))


def coverage(true, found):
    """Part of the true values at or below percentiles of the found ones.

    Parameters
    ----------
    true, found : numpy.ndarray, (n,), (m,)

    Returns
    -------
    numpy.ndarray, (5,)
        %, of PERCENTILES; equal to these where percentiles mean what they say.
    """
    return np.array([100 * np.mean(true <= value) for value in np.percentile(found, PERCENTILES)])


def hand_figures(records, fewest_helical=300):
    """What 0.h says of maps of helical structures, by resolution and in all, and of others.

    Parameters
    ----------
    records : list of dict
        ``resolution`` (Å), ``true`` (helical voxels), ``measured`` (bool), ``score``, ``error``.
    fewest_helical : int

    Returns
    -------
    dict of str to dict
        ``right`` is a score below 0.5, ``claimed`` what is neither uncertain nor unmeasured,
        ``claimed right`` how many of these have the right hand; %.
    """
    helical = [r for r in records if r["true"] >= fewest_helical]
    rows = {"%.1f Å" % x: _hand_row([r for r in helical if r["resolution"] == x])
            for x in sorted({r["resolution"] for r in helical})}
    rows["all"] = _hand_row(helical)
    others = [r for r in records if r["true"] < fewest_helical]
    rows["without helices"] = {
        "maps": len(others), "measured": sum(r["measured"] for r in others),
        "claimed": sum(r["measured"] and _claimed(r) for r in others)}
    return rows


def _hand_row(records):
    measured = [r for r in records if r["measured"]]
    row = {"maps": len(records), "measured": len(measured)}
    if measured:
        scores = np.array([r["score"] for r in measured])
        claimed = np.array([_claimed(r) for r in measured])
        row.update({"right": 100 * np.mean(scores < FLIPPED), "claimed": 100 * np.mean(claimed),
                    "mean score": scores.mean()})
        if claimed.any():
            row["claimed right"] = 100 * np.mean(scores[claimed] < FLIPPED)
    return row


def _claimed(record):
    """Whether the hand is called right or mirrored, and not uncertain."""
    return (record["score"] <= UNCERTAIN
            or record["score"] - 2 * (record["error"] or 0) > FLIPPED)


def daq_figures(records, least, most_negative):
    """What A.g says of right and wrong models, by resolution and in all.

    Parameters
    ----------
    records : list of dict
        ``resolution`` (Å), ``likeliest`` (part of the amino acids, 0 to 1), ``scores``: dict of
        "right" and the names in WRONG to scores of residues.
    least, most_negative : float
        Bounds of the mean score and of the residues below 0 (%).

    Returns
    -------
    dict of str to dict
    """
    groups = {"%.1f Å" % x: [r for r in records if r["resolution"] == x]
              for x in sorted({r["resolution"] for r in records})}
    groups["all"] = records
    return {title: _daq_row(group, least, most_negative) for title, group in groups.items()}


def _daq_row(records, least, most_negative):
    pooled = {kind: np.concatenate([r["scores"][kind] for r in records])
              for kind in ("right",) + WRONG}
    means, negative = ({kind: np.array([measure(np.asarray(r["scores"][kind])) for r in records])
                        for kind in pooled}
                       for measure in (np.mean, lambda scores: 100 * np.mean(scores < 0)))
    passed = {kind: (means[kind] >= least) & (negative[kind] <= most_negative) for kind in pooled}
    wrong = np.concatenate([means[kind] for kind in WRONG])
    return {"maps": len(records),
            "likeliest is right": 100 * np.mean([r["likeliest"] for r in records]),
            "AUC of residues": {kind: area(pooled["right"], pooled[kind]) for kind in WRONG},
            "AUC of models": area(means["right"], wrong),
            "mean of right models": np.percentile(means["right"], (50, 5, 95)).tolist(),
            "largest mean of wrong models": wrong.max(),
            "least negative of wrong models": min(negative[kind].min() for kind in WRONG),
            "right models kept": 100 * passed["right"].mean(),
            "wrong models kept": int(sum(passed[kind].sum() for kind in WRONG))}


def resolution_figures(records):
    """How well 0.e reads maps of known local resolution.

    Parameters
    ----------
    records : list of dict
        ``true``, ``found`` (Å, the same voxels), ``limits`` (Å).

    Returns
    -------
    dict
    """
    even = [r for r in records if r["limits"][0] == r["limits"][1]]
    uneven = [r for r in records if r["limits"][1] > _UNEVEN * r["limits"][0]]
    result = {"even maps": len(even), "uneven maps": len(uneven)}
    if len(even) > 2:
        true, found = (np.array([np.median(r[key]) for r in even]) for key in ("true", "found"))
        result["Spearman over even maps"] = spearmanr(true, found)[0]
        for low, high in ((1.5, 2.5), (2.5, 8), (8, 12)):
            here = (true >= low) & (true < high)
            if here.sum() > 2:
                result["median error of even maps, %g to %g Å" % (low, high)] = np.median(
                    np.abs(found - true)[here])
        result["median width of even maps"] = np.median(
            [np.subtract(*np.percentile(r["found"], (97.5, 2.5))) for r in even])
    if uneven:
        result["Spearman over voxels, quartiles"] = np.percentile(
            [spearmanr(r["true"], r["found"])[0] for r in uneven], (25, 50, 75)).tolist()
        result["true values below the found percentiles"] = np.mean(
            [coverage(r["true"], r["found"]) for r in uneven], axis=0).tolist()
    return result
