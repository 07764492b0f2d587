"""Names of regions, sides and features in the field's usual spellings, as pyradiomics, FreeSurfer and R write them."""

from __future__ import annotations

import re

from chiomics.core.features.columns import CLASSES, SIDES

_SPELLINGS = {word: side for side, words in SIDES.items() for word in words}
_ONE_SIDE = {word: side for word, side in _SPELLINGS.items() if side != "LR"}
_WORDS = "|".join(sorted((word for word in _ONE_SIDE if " " not in word), key=len, reverse=True))
#: ctx-lh-insula; Left-Putamen, lh.putamen, L_GP; Putamen-Left, CST_R.
_CORTEX = re.compile(r"(?P<kind>ctx|wm)[-_.](?P<side>lh|rh)[-_.](?P<name>.+)", re.IGNORECASE)
_BEFORE = re.compile(rf"(?P<side>{_WORDS})[-_. ]+(?P<name>.+)", re.IGNORECASE)
_AFTER = re.compile(rf"(?P<name>.+?)[-_. ]+(?P<side>{_WORDS})", re.IGNORECASE)

#: pyradiomics' filters; R's read.csv writes a point for every hyphen.
_IMAGE_TYPE = (
    r"original|wavelet\d*[-.][HL]{2,3}|log[-.]sigma[-.]\d+(?:[-.]\d+)*[-.]mm[-.][23]D|squareroot|square|logarithm"
    r"|exponential|gradient|lbp[-.]2D|lbp[-.]3D[-.](?:m\d+|k)"
)
_KNOWN_TYPE = re.compile(_IMAGE_TYPE, re.IGNORECASE)
#: What pyradiomics writes in capitals: the bands of a wavelet, and 2D and 3D.
_CAPITALS = re.compile(r"(?<=-)[hl]{2,3}$|(?<=-[23])d(?=-|$)")
_CLASSES = "|".join(sorted(CLASSES, key=len, reverse=True))
#: pyradiomics' names; group 0 of what stands before decides whether a column can be trusted.
_COLUMN = re.compile(
    rf"(?:(?P<before>.*?)[_])?(?P<feature_class>{_CLASSES})_(?P<feature>[A-Za-z0-9]+)(?:[_.](?P<after>[A-Za-z].*))?"
)
#: What has the parts of a feature's name and is none by pyradiomics' spelling.
_ALIKE = re.compile(rf"(?:^|[-_.\s])(?:{_CLASSES})[-_.\s]", re.IGNORECASE)
_TYPE_AT_END = re.compile(rf"(?:(?P<prefix>.*)[-_.])?(?P<image_type>{_IMAGE_TYPE})", re.IGNORECASE)
_WAVELETS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")


def side_of(text: str) -> str | None:
    """Read a side: L, R, LR or empty; None where the word is not known."""
    key = text.strip().strip('"').casefold()
    return "" if key in ("", "n/a", "na", "nan", "none", "midline") else _SPELLINGS.get(key)


def split_side(voi: str) -> tuple[str, str]:
    """Take the side out of a region's name; empty where it has none.

    >>> split_side("Left-Putamen"), split_side("ctx-lh-insula"), split_side("CST_R"), split_side("NAWM")
    (('Putamen', 'L'), ('ctx-insula', 'L'), ('CST', 'R'), ('NAWM', ''))
    """
    if match := _CORTEX.fullmatch(voi):
        return f"{match['kind']}-{match['name']}", _ONE_SIDE[match["side"].casefold()]
    for pattern in (_BEFORE, _AFTER):
        if match := pattern.fullmatch(voi):
            return match["name"], _ONE_SIDE[match["side"].casefold()]
    return voi, ""


def image_type_of(text: str) -> str | None:
    """Read a filter's name in pyradiomics' spelling; None where it is not one of them.

    >>> image_type_of("wavelet.LLH"), image_type_of("Log.sigma.1.0.mm.3d"), image_type_of("LoG")
    ('wavelet-LLH', 'log-sigma-1-0-mm-3D', None)
    """
    if not _KNOWN_TYPE.fullmatch(text):
        return None
    return _CAPITALS.sub(lambda letters: letters[0].upper(), text.replace(".", "-").casefold())


def split_feature(column: str) -> dict[str, str] | None:
    """Take a column's name apart.

    Parameters
    ----------
    column : str
        Header of a column of a wide table.

    Returns
    -------
    dict or None
        image_type, feature_class and feature, with ``unknown`` for what stands before and is no filter of
        pyradiomics, ``prefix`` for what stands before a filter and ``after`` for what stands behind; None where the
        column is no feature.
    """
    match = _COLUMN.fullmatch(column)
    if match is None or column.startswith("diagnostics"):
        return None
    found = {"feature_class": match["feature_class"], "feature": match["feature"], "image_type": "original"}
    if match["after"] is not None:
        found["after"] = match["after"]
    if match["before"] is None:
        return found
    before = _TYPE_AT_END.fullmatch(match["before"])
    if before is None:
        return found | {"unknown": match["before"]}
    if before["prefix"]:
        found["prefix"] = before["prefix"]
    return found | {"image_type": str(image_type_of(before["image_type"]))}


def is_alike(column: str) -> bool:
    """Say whether a column's name looks like a feature's that pyradiomics does not write, e.g. ``GLCM.Contrast``."""
    return _ALIKE.search(column) is not None and not column.startswith("diagnostics")


def looks_like_feature(column: str) -> bool:
    """Say whether a column's name is a feature's, as pyradiomics writes it or nearly so."""
    return split_feature(column.strip()) is not None or is_alike(column)


def feature_order(image_type: str, feature_class: str, feature: str) -> tuple:
    """Return the place of a feature in the order of pyradiomics' own output, whatever the order of a table's rows."""
    _, _, band = image_type.partition("wavelet-")
    image = (0, "") if image_type == "original" else (1, f"{_WAVELETS.index(band)}") if band in _WAVELETS else None
    kind = CLASSES.index(feature_class) if feature_class in CLASSES else len(CLASSES)
    return (image or (2, image_type), kind, f"{feature}FeatureValue")
