"""The summary as a wide table, for people who select and plot columns: a column for each measure."""

import pandas as pd

from simcore.registry import plugins

_OF_MEASURES = ("measure", "value", "mcse", "status", "low", "high", "variance_reduction", "gain", "precision")
_SUFFIXES = {"value": "", "mcse": "_mcse", "status": "_status"}


def widened(table):
    """One row per cell x estimator x parameter of a long table, in its order.

    Columns that say what a row is of come first, as in the long table. Then, of each measure, there are `bias`,
    `bias_mcse` and `bias_status`, null where it does not apply or is undefined. In exact problems a row is also of a
    place of the outliers, and what does not depend on that has a row where it is null.
    """
    names = [column for column in table if column not in _OF_MEASURES]
    settings = {setting.name for problem in plugins("problems").values() for setting in problem.settings}
    keys = ["cell", "estimator", "parameter", *(name for name in names if name in settings)]
    row = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    first = ~pd.Series(row).duplicated().to_numpy()
    columns = {name: table.loc[first, name].reset_index(drop=True) for name in names}
    for measure in dict.fromkeys(table["measure"]):
        own = (table["measure"] == measure).to_numpy(dtype=bool)
        for column, suffix in _SUFFIXES.items():
            values = pd.Series(table.loc[own, column].array, index=row[own])
            columns[f"{measure}{suffix}"] = values.reindex(range(int(first.sum())))
    return pd.DataFrame(columns)
