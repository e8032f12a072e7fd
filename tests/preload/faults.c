/* Faults of a disk for the tests: loaded into the program by LD_PRELOAD.
 *
 * OC_FAULTS holds rules, one a line: `<call> <what> <from> <times> <path>`
 *   call   write, sync, rename, cut or open: the kinds below
 *   what   an errno as a number, `short` (half of the bytes, then ENOSPC), or `delay:<milliseconds>`
 *   from   the first call that it meets, from 1
 *   times  how many calls it meets; 0 means every later one too
 *   path   a part of the file's path; of a rename, of the new name
 * OC_FAULT_TRACE names a file: each call on a path with OC_FAULT_ROOT in it is written there as `<call> <path>`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES 16
#define SHORT (-1)

struct rule {
    char call[16], path[512];
    int error, delay;
    long from, times, seen;
};

static struct rule rules[RULES];
static int count;
static const char *root;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);

static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    const char *name = getenv("OC_FAULT_TRACE");
    root = getenv("OC_FAULT_ROOT");
    if (name && root) trace = real_open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const char *text = getenv("OC_FAULTS");
    while (text && *text && count < RULES) {
        struct rule *rule = &rules[count];
        char what[32] = "";
        if (sscanf(text, "%15s %31s %ld %ld %511[^\n]", rule->call, what, &rule->from, &rule->times, rule->path) == 5) {
            if (!strncmp(what, "delay:", 6)) rule->delay = atoi(what + 6);
            else rule->error = strcmp(what, "short") ? atoi(what) : SHORT;
            count++;
        }
        text = strchr(text, '\n');
        if (text) text++;
    }
}

/* The errno that this call is to fail with, SHORT, or 0; waits where a rule says so. */
static int meet(const char *call, const char *path) {
    int error = 0, delay = 0;
    if (!path) return 0;
    pthread_mutex_lock(&lock);
    for (int at = 0; at < count; at++) {
        struct rule *rule = &rules[at];
        if (strcmp(rule->call, call) || !strstr(path, rule->path)) continue;
        rule->seen++;
        if (rule->seen < rule->from || (rule->times && rule->seen >= rule->from + rule->times)) continue;
        if (rule->delay) delay = rule->delay;
        else error = rule->error;
    }
    if (trace >= 0 && strstr(path, root)) {
        char line[600];
        int length = snprintf(line, sizeof line, "%s %s\n", call, path);
        if (length > 0 && real_write(trace, line, (size_t)length) < 0) error = EIO;
    }
    pthread_mutex_unlock(&lock);
    if (delay) {
        struct timespec span = { delay / 1000, (long)(delay % 1000) * 1000000L };
        nanosleep(&span, NULL);
    }
    return error;
}

/* The path of an open file; NULL where it is none. */
static const char *path_of(int file, char *buffer, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, buffer, size - 1);
    if (length <= 0 || buffer[0] != '/') return NULL;
    buffer[length] = 0;
    return buffer;
}

static int meet_file(const char *call, int file) {
    char buffer[512];
    pthread_once(&once, start);
    if (!count && trace < 0) return 0;
    int kept = errno, error = meet(call, path_of(file, buffer, sizeof buffer));
    errno = kept;
    return error;
}

/* Half of it, and nothing the next time: as on a disk that fills up. */
static size_t half(int *error, size_t size) {
    size_t left = size / 2;
    if (*error == SHORT) *error = left ? 0 : ENOSPC;
    return left;
}

#define FAIL(error) do { errno = (error); return -1; } while (0)

ssize_t write(int file, const void *bytes, size_t size) {
    int error = meet_file("write", file);
    if (error == SHORT) size = half(&error, size);
    if (error) FAIL(error);
    return real_write(file, bytes, size);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at) {
    int error = meet_file("write", file);
    if (error == SHORT) size = half(&error, size);
    if (error) FAIL(error);
    return real_pwrite(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }

ssize_t writev(int file, const struct iovec *parts, int number) {
    int error = meet_file("write", file);
    if (error) FAIL(error == SHORT ? ENOSPC : error);
    return real_writev(file, parts, number);
}

int fsync(int file) {
    int error = meet_file("sync", file);
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_fsync(file);
}

int fdatasync(int file) {
    int error = meet_file("sync", file);
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_fdatasync(file);
}

int ftruncate64(int file, off_t size) {
    int error = meet_file("cut", file);
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_ftruncate(file, size);
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int rename(const char *from, const char *to) {
    pthread_once(&once, start);
    int error = count || trace >= 0 ? meet("rename", to) : 0;
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_rename(from, to);
}

/* Only opening to write: what reads must not be disturbed. */
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    pthread_once(&once, start);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    int error = writes && (count || trace >= 0) ? meet("open", path) : 0;
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_open(path, flags, mode);
}
