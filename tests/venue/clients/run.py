"""Runs clients that nobody here wrote against the test venue, and compares what they make of it.

In: the address of a running wickd-venue. Out: one line a call, a list of differences from
`expected.json`, and an exit code. `expected.json` holds every call that is not `ok`, with its reason;
a call that becomes ok without the file saying so is a difference too.
"""

import asyncio
import importlib
import json
import pathlib
import sys
import time
import traceback

from checks import Wrong

HERE = pathlib.Path(__file__).parent
# A call that takes longer has no answer.
PATIENCE_S = 8
DRIVERS = [
    "ccxt_rest", "ccxt_pro", "python_binance", "binance_connectors", "binance_sdk", "pybit_rest",
    "python_okx",
]


def word(error):
    """An outcome that does not change with time, ids or addresses: the class and what it begins with."""
    text = " ".join(str(error).split())
    kept = "".join("#" if c.isdigit() else c for c in text)[:60]
    return f"{type(error).__name__}: {kept}".strip()


async def outcome(call):
    try:
        found = call()
        if asyncio.iscoroutine(found):
            await asyncio.wait_for(found, PATIENCE_S)
        return "ok"
    except (asyncio.TimeoutError, TimeoutError):
        return "silent"
    except Wrong as wrong:
        return f"wrong: {wrong}"
    except Exception as error:  # noqa: BLE001: whatever a client throws is its outcome.
        if "--trace" in sys.argv:
            traceback.print_exc()
        return word(error)


async def main():
    address, only = sys.argv[1], [name for name in sys.argv[2:] if not name.startswith("-")]
    got, began = {}, time.monotonic()
    for name in DRIVERS:
        if only and name not in only:
            continue
        driver = importlib.import_module(f"drivers.{name}")
        for title, call in driver.calls(address):
            got[f"{name}: {title}"] = await outcome(call)
            print(f"{got[f'{name}: {title}']:<12.60} {name}: {title}", flush=True)
        close = getattr(driver, "close", None)
        if close:
            await close()
    expected = json.loads((HERE / "expected.json").read_text())
    wanted = {title: "ok" for title in got} | {
        title: line["outcome"] for title, line in expected.items()
        if not only or title.split(":")[0] in only
    }
    differing = [title for title in sorted(wanted | got) if got.get(title) != wanted.get(title)]
    for title in differing:
        print(f"DIFFERS {title}: {got.get(title, 'not run')}, expected {wanted.get(title)}")
    seconds = time.monotonic() - began
    print(f"{len(got)} calls, {len(differing)} differ, {seconds:.0f} s")
    if "--record" in sys.argv:
        lines = {t: {"outcome": o, "reason": expected.get(t, {}).get("reason", "?")}
                 for t, o in got.items() if o != "ok"}
        (HERE / "expected.json").write_text(json.dumps(lines, indent=1) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
