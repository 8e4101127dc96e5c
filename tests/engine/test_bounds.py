"""One engine whose memory several bound at once."""

import threading
from contextlib import ExitStack

from isotherm.engine.duckdb import DuckDBEngine


def limit_of(engine: DuckDBEngine) -> str:
    """Return what the engine's memory is limited to."""
    session = engine.session()
    ((limit,),) = session.execute("SELECT current_setting('memory_limit')")
    session.close()
    return str(limit)


def test_memory_is_bounded_until_the_last_of_several_is_done() -> None:
    engine = DuckDBEngine()
    free = limit_of(engine)
    with ExitStack() as first, engine.bounded(2**30):
        first.enter_context(engine.bounded(2**31))
        assert limit_of(engine) == "1.0 GiB"
        first.close()
        assert engine.is_bounded
        assert limit_of(engine) == "1.0 GiB"
    assert not engine.is_bounded
    assert limit_of(engine) == free
    engine.close()


def test_threads_bound_one_engine_at_once() -> None:
    engine = DuckDBEngine()
    free = limit_of(engine)
    failed = []

    def run() -> None:
        try:
            for _ in range(200):
                with engine.bounded(2**30):
                    pass
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert limit_of(engine) == free
    engine.close()
