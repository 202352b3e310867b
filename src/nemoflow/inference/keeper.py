"""The keeper: renews a lease on a sleeping teacher for a run that no Workflow vouches for, and gives it back when it is ended.

    python -P -m nemoflow.inference.keeper DEPLOYMENT NAMESPACE LEASE HOLDER REPLICAS

It runs under a guard (guard.py), which ends it with the run that holds it. A lease that was lost meanwhile, because the machine slept
or the network was away, is taken anew, and the teacher woken again.
"""

import signal
import sys
import threading
from collections.abc import Sequence

from nemoflow.errors import ProviderError
from nemoflow.inference.deployment import Deployment, SleepingDeployment, connect
from nemoflow.inference.leases import Lease, settle
from nemoflow.inference.sleeping import LEASE_S, give_back

RENEW_S = LEASE_S / 4


def keep(deployment: Deployment, lease_name: str, holder: str, replicas: int, ended: threading.Event) -> None:
    """Renew until `ended` is set; a server that is away is tried again."""
    while not ended.wait(RENEW_S):
        try:
            _, now = deployment.leases()
            deployment.hold(Lease(lease_name, holder, replicas, duration_s=LEASE_S, renewed=now))
            settle(deployment)
        except ProviderError as error:
            sys.stderr.write(f"[keeper] {error}\n")
            sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Keep a lease until SIGTERM."""
    name, namespace, lease, holder, replicas = arguments
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    keep(connect(name, namespace), lease, holder, int(replicas), ended)
    give_back(SleepingDeployment(name=name, namespace=namespace, lease=lease, replicas=int(replicas)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
