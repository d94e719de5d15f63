// Makes a server repeat itself to the instruction, for profile.sh --instructions, which preloads
// it: the clock advances by 250 ns at each reading, and the seeds that Redis reads from
// /dev/urandom are zero. At about four readings a call the server sees the times of a million calls
// a second, however slowly it really runs.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static atomic_long readings;

int clock_gettime(clockid_t clock, struct timespec *now) {
    long ns = 250 * atomic_fetch_add(&readings, 1);
    (void)clock;
    now->tv_sec = 1800000000 + ns / 1000000000;
    now->tv_nsec = ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

static FILE *open_without_seed(const char *path, const char *mode, const char *function) {
    FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, function);
    return real(strcmp(path, "/dev/urandom") == 0 ? "/dev/zero" : path, mode);
}

FILE *fopen(const char *path, const char *mode) { return open_without_seed(path, mode, "fopen"); }
FILE *fopen64(const char *path, const char *mode) { return open_without_seed(path, mode, "fopen64"); }
