/* Listing a folder that is merged from several layers: the C library's own handle, and beside it a list of ours. */
#include "view.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

struct line {
    struct dirent64 entry;
    int order; /* of its layer */
    int hidden;
};

struct list {
    DIR *handle;
    struct line *lines;
    size_t count, room, at;
    struct list *next;
};

static struct list *lists;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static DIR *plain_opendir(const char *file)
{
    NEXT(opendir);
    return next(file);
}

static struct dirent64 *plain_readdir(DIR *folder)
{
    NEXT(readdir64);
    return next(folder);
}

static int plain_closedir(DIR *folder)
{
    NEXT(closedir);
    return next(folder);
}

static struct list *list_of(DIR *handle)
{
    if (mode != REDIRECT)
        return NULL;
    pthread_mutex_lock(&lock);
    struct list *list = lists;
    while (list && list->handle != handle)
        list = list->next;
    pthread_mutex_unlock(&lock);
    return list;
}

static int by_name(const void *one, const void *other)
{
    const struct line *a = one, *b = other;
    int order = strcmp(a->entry.d_name, b->entry.d_name);
    return order ? order : a->order - b->order;
}

static void add_layer(struct list *list, enum layer layer, const char *name)
{
    char file[PATH_MAX], inside[PATH_MAX];
    struct stat status;
    struct dirent64 *entry;
    if (snprintf(file, PATH_MAX, "%s%s", prefix[layer], name) >= PATH_MAX)
        return;
    DIR *folder = plain_opendir(file);
    while (folder && (entry = plain_readdir(folder))) {
        if (!strcmp(entry->d_name, OPAQUE))
            continue;
        if (list->count == list->room) {
            list->room = list->room ? 2 * list->room : 64;
            struct line *more = realloc(list->lines, list->room * sizeof *more);
            if (!more)
                break;
            list->lines = more;
        }
        struct line *line = list->lines + list->count++;
        memset(&line->entry, 0, sizeof line->entry);
        memcpy(&line->entry, entry, entry->d_reclen < sizeof line->entry ? entry->d_reclen : sizeof line->entry);
        line->entry.d_reclen = sizeof line->entry;
        line->order = layer;
        line->hidden = layer != REAL && (entry->d_type == DT_CHR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
                       snprintf(inside, PATH_MAX, "%s/%s", file, entry->d_name) < PATH_MAX &&
                       !syscall(SYS_newfstatat, AT_FDCWD, inside, &status, AT_SYMLINK_NOFOLLOW) && is_mark(inside, &status);
    }
    if (folder)
        plain_closedir(folder);
}

/* Beside `handle`, what the folder shows. */
static void attach(DIR *handle, const struct place *place)
{
    struct list *list = calloc(1, sizeof *list);
    size_t kept = 0;
    if (!list)
        return;
    list->handle = handle;
    for (enum layer layer = UPPER; layer < LAYERS; layer++)
        if (place->layers & BIT(layer))
            add_layer(list, layer, place->name);
    if (list->count)
        qsort(list->lines, list->count, sizeof *list->lines, by_name);
    for (size_t i = 0; i < list->count; i++) {
        int again = i && !strcmp(list->lines[i].entry.d_name, list->lines[i - 1].entry.d_name);
        if (again)
            list->lines[i].hidden = 1, list->lines[i].order = LAYERS;
    }
    for (size_t i = 0; i < list->count; i++)
        if (!list->lines[i].hidden) {
            list->lines[kept] = list->lines[i];
            list->lines[kept].entry.d_off = kept + 1;
            kept++;
        }
    list->count = kept;
    pthread_mutex_lock(&lock);
    list->next = lists;
    lists = list;
    pthread_mutex_unlock(&lock);
}

DIR *opendir(const char *path)
{
    struct place place;
    if (mode != REDIRECT || find(AT_FDCWD, path, 1, &place) || place.kept)
        return plain_opendir(path);
    if (!place.there)
        return errno = errno == ENOTDIR ? ENOTDIR : ENOENT, NULL;
    DIR *handle = plain_opendir(place.file);
    if (handle && place.layers != BIT(REAL))
        attach(handle, &place);
    return handle;
}

DIR *fdopendir(int number)
{
    NEXT(fdopendir);
    DIR *handle = next(number);
    char link[64], name[PATH_MAX];
    struct place place;
    if (!handle || mode != REDIRECT)
        return handle;
    snprintf(link, sizeof link, "/proc/self/fd/%d", number);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, name, sizeof name - 1);
    if (length <= 0)
        return handle;
    name[length] = 0;
    own_view(name);
    if (!find(AT_FDCWD, name, 1, &place) && !place.kept && place.there && place.layers != BIT(REAL))
        attach(handle, &place);
    return handle;
}

struct dirent64 *readdir64(DIR *folder)
{
    struct list *list = list_of(folder);
    if (!list)
        return plain_readdir(folder);
    return list->at < list->count ? &list->lines[list->at++].entry : NULL;
}

struct dirent *readdir(DIR *folder) { return (struct dirent *)readdir64(folder); }

int readdir64_r(DIR *folder, struct dirent64 *entry, struct dirent64 **result)
{
    struct dirent64 *found = readdir64(folder);
    *result = found ? memcpy(entry, found, found->d_reclen) : NULL;
    return 0;
}

int readdir_r(DIR *folder, struct dirent *entry, struct dirent **result)
{
    struct dirent *found = readdir(folder);
    *result = found ? memcpy(entry, found, found->d_reclen) : NULL;
    return 0;
}

void rewinddir(DIR *folder)
{
    NEXT(rewinddir);
    struct list *list = list_of(folder);
    if (list)
        list->at = 0;
    next(folder);
}

long telldir(DIR *folder)
{
    NEXT(telldir);
    struct list *list = list_of(folder);
    return list ? (long)list->at : next(folder);
}

void seekdir(DIR *folder, long at)
{
    NEXT(seekdir);
    struct list *list = list_of(folder);
    if (list)
        list->at = at;
    else
        next(folder, at);
}

int closedir(DIR *folder)
{
    if (mode == REDIRECT) {
        pthread_mutex_lock(&lock);
        struct list **at = &lists;
        while (*at && (*at)->handle != folder)
            at = &(*at)->next;
        struct list *list = *at;
        if (list)
            *at = list->next;
        pthread_mutex_unlock(&lock);
        if (list) {
            free(list->lines);
            free(list);
        }
    }
    return plain_closedir(folder);
}

static int do_scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
                      int (*order)(const struct dirent **, const struct dirent **))
{
    DIR *folder = opendir(path);
    struct dirent *entry, **found = NULL;
    size_t count = 0, room = 0;
    if (!folder)
        return -1;
    while ((entry = readdir(folder))) {
        if (wanted && !wanted(entry))
            continue;
        if (count == room)
            found = realloc(found, (room = room ? 2 * room : 16) * sizeof *found);
        found[count] = malloc(sizeof *entry);
        memcpy(found[count++], entry, entry->d_reclen);
    }
    closedir(folder);
    if (order && count)
        qsort(found, count, sizeof *found, (int (*)(const void *, const void *))order);
    *names = found;
    return count;
}

int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **))
{
    return do_scandir(path, names, wanted, order);
}

int scandir64(const char *path, struct dirent64 ***names, int (*wanted)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **))
{
    return do_scandir(path, (struct dirent ***)names, (int (*)(const struct dirent *))wanted,
                      (int (*)(const struct dirent **, const struct dirent **))order);
}

static void *glob_open(const char *path) { return opendir(path); }
static struct dirent *glob_read(void *folder) { return readdir(folder); }
static void glob_close(void *folder) { closedir(folder); }
static int glob_stat(const char *path, struct stat *status) { return stat(path, status); }
static int glob_lstat(const char *path, struct stat *status) { return lstat(path, status); }

int glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found)
{
    NEXT(glob);
    if (mode != REDIRECT || flags & GLOB_ALTDIRFUNC)
        return next(pattern, flags, failed, found);
    found->gl_opendir = glob_open;
    found->gl_readdir = glob_read;
    found->gl_closedir = glob_close;
    found->gl_stat = glob_stat;
    found->gl_lstat = glob_lstat;
    return next(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
}

int glob64(const char *pattern, int flags, int (*failed)(const char *, int), glob64_t *found)
{
    return glob(pattern, flags, failed, (glob_t *)found);
}
