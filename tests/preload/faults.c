/* Faults of a disk for the tests: loaded into the program by LD_PRELOAD.
 *
 * OC_FAULTS holds rules, one a line: `<call> <what> <from> <times> <path>`
 *   call   write, sync, rename, cut or open: the kinds below
 *   what   an errno as a number, `short` (half of the bytes, then ENOSPC), `delay:<milliseconds>`, or
 *          `gone:<errno>`: from this call on every call below OC_FAULT_ROOT fails
 *   from   the first call that it meets, from 1
 *   times  how many calls it meets; 0 means every later one too
 *   path   a part of the file's path, or its end where a `$` stands behind it; of a rename, of the new name
 * OC_FAULT_CONTROL names a file that holds such rules instead: they are read anew when another file takes its place,
 * and begin to count then.
 * OC_FAULT_TRACE names a file: each call on a path with OC_FAULT_ROOT in it is written there as `<call> <path>`, and
 * as `fault <path>` too where it fails.
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES 16
#define SHORT (-1)

struct rule {
    char call[16], path[512];
    int error, delay, gone;
    long from, times, seen;
};

static struct rule rules[RULES];
static int count;
static int gone;
static const char *root, *control;
static struct stat obeyed;
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

static void read_rules(const char *text) {
    count = gone = 0;
    while (text && *text && count < RULES) {
        struct rule *rule = &rules[count];
        char what[32] = "";
        memset(rule, 0, sizeof *rule);
        if (sscanf(text, "%15s %31s %ld %ld %511[^\n]", rule->call, what, &rule->from, &rule->times, rule->path) == 5) {
            if (!strncmp(what, "delay:", 6)) rule->delay = atoi(what + 6);
            else if (!strncmp(what, "gone:", 5)) rule->gone = atoi(what + 5);
            else rule->error = strcmp(what, "short") ? atoi(what) : SHORT;
            count++;
        }
        text = strchr(text, '\n');
        if (text) text++;
    }
}

/* Reads the rules of the control file, if it is another one. */
static void obey(void) {
    struct stat now;
    static char text[4096];
    if (!control || stat(control, &now) || (now.st_ino == obeyed.st_ino && now.st_mtim.tv_sec == obeyed.st_mtim.tv_sec && now.st_mtim.tv_nsec == obeyed.st_mtim.tv_nsec)) return;
    obeyed = now;
    int file = real_open(control, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    text[length > 0 ? length : 0] = 0;
    read_rules(text);
}

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
    control = getenv("OC_FAULT_CONTROL");
    read_rules(getenv("OC_FAULTS"));
}

/* True where no call is met and none is written down. */
static int idle(void) { return !count && trace < 0 && !control; }

static int fits(const char *path, const char *part) {
    size_t end = strlen(part), length = strlen(path);
    if (!end || part[end - 1] != '$') return strstr(path, part) != NULL;
    end--;
    return length >= end && !strncmp(path + length - end, part, end);
}

static void note(const char *word, const char *path, int *error) {
    char line[600];
    int length = snprintf(line, sizeof line, "%s %s\n", word, path);
    if (length > 0 && real_write(trace, line, (size_t)length) < 0) *error = EIO;
}

/* The errno that this call is to fail with, SHORT, or 0; waits where a rule says so. */
static int meet(const char *call, const char *path) {
    int error = 0, delay = 0;
    if (!path) return 0;
    pthread_mutex_lock(&lock);
    obey();
    for (int at = 0; at < count; at++) {
        struct rule *rule = &rules[at];
        if (strcmp(rule->call, call) || !fits(path, rule->path)) continue;
        rule->seen++;
        if (rule->seen < rule->from || (rule->times && rule->seen >= rule->from + rule->times)) continue;
        if (rule->delay) delay = rule->delay;
        else if (rule->gone) gone = rule->gone;
        else error = rule->error;
    }
    if (gone && root && strstr(path, root)) error = gone;
    if (trace >= 0 && strstr(path, root)) {
        int fails = error;
        note(call, path, &error);
        if (fails) note("fault", path, &error);
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
    if (idle()) return 0;
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
    int error = idle() ? 0 : meet("rename", to);
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
    int error = writes && !idle() ? meet("open", path) : 0;
    if (error) FAIL(error == SHORT ? EIO : error);
    return real_open(path, flags, mode);
}
