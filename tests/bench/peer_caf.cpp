// peer_caf.cpp - the peer of bench_dispatch: two actors of CAF throw a number to and fro, one worker thread.
// Processor time of one message, as one JSON object.
#include <caf/all.hpp>

#include <cstdint>
#include <cstdio>
#include <ctime>

using namespace caf;

static double cpu_ns()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static behavior pong()
{
    return {[](std::int64_t left) { return left - 1; }};
}

static behavior ping(event_based_actor *self, const actor &other, std::int64_t rallies)
{
    self->send(other, rallies);
    return {[=](std::int64_t left) {
        if (left > 0)
            self->send(other, left);
        else
            self->quit();
    }};
}

static double measure(actor_system &system, std::int64_t rallies)
{
    double from = cpu_ns();
    {
        scoped_actor waiting{system};
        auto other = system.spawn(pong);
        auto first = system.spawn(ping, other, rallies);
        waiting->wait_for(first);
    }
    return (cpu_ns() - from) / (2.0 * rallies);
}

int main()
{
    actor_system_config config;
    config.set("scheduler.max-threads", 1);
    actor_system system{config};
    measure(system, 100000);
    std::printf("{\"bench\":\"caf ping-pong\",\"ns\":%.1f}\n", measure(system, 2000000));
}
