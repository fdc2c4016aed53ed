"""What the tests of bounds watch: memory, file descriptors and latencies of a service's processes."""

import os

import crash_support as cs

MIB = 1 << 20


def rss_bytes(pid):
    """Resident memory of a process; 0 when it has ended."""
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def open_files(pid):
    """Descriptors of a process, but for the store's own tables: their number follows the data."""
    count, folder = 0, "/proc/%d/fd" % pid
    try:
        for name in os.listdir(folder):
            try:
                count += not os.readlink(os.path.join(folder, name)).endswith(".sst")
            except OSError:
                pass  # closed meanwhile
    except OSError:
        return 0
    return count


def processes(daemon):
    """{role: pid} of a service and its children; the service itself is "service"."""
    pid = daemon.process.pid
    found = {cs.role_of(child): child for child in cs.children(pid)}
    found.pop(None, None)
    return dict(found, service=pid)


def memory(daemon):
    """{role: bytes} of resident memory."""
    return {role: rss_bytes(pid) for role, pid in processes(daemon).items()}


def quantile(values, q):
    """The Q-quantile (0 to 1) of VALUES: the smallest that at least that share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(-(-q * len(ordered) // 1)) - 1))]


def slope(points):
    """Least-squares slope of (x, y) points."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
