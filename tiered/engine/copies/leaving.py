"""May a store leave its config?"""

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, kind_of
from tiered.errors import ConfigError
from tiered.store import Group


def check_leaving(group: Group, label: str) -> None:
    """Is there a place for everything without one member?

    Raises:
        ConfigError: It is the only one; or the only hot one, so that what every
            command reads would go to cold storage; or the only one to write to.
    """
    if len(group.members) == 1:
        raise ConfigError(
            f"{label} is the only store of the config",
            hint="Add another one to it, and run `tiered add-store` first.",
        )
    for name in (*SAMPLES.values(), *NATIVE_SAMPLES.values()):
        try:
            homes = group.homes(name, label)
        except ValueError:
            raise ConfigError(
                f"{label} is the only store of one of the config's routes",
                hint="Give that route another store, and run `tiered add-store` first.",
            ) from None
        if not homes.labels:
            raise ConfigError(
                f"without {label} no store for {kind_of(name).value}s can be written",
                hint="Add another store to the config, or leave read_only out of the "
                "options of one of them.",
            )
        if kind_of(name).is_cold or label not in group.homes(name).labels:
            continue
        if all(group.members[k].extras.thaw for k in homes.labels):
            raise ConfigError(
                f"without {label} there is no hot store for {kind_of(name).value}s",
                hint="Add another hot store to the config, and run `tiered add-store` "
                "first.",
            )
