/* See faulty_sqlite.h. Wraps the VFS and the allocator that SQLite would use. */
#include "faulty_sqlite.h"

#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

const char *const fault_names[FAULT_KINDS] = {"none", "read", "write", "full", "sync", "truncate", "open", "delete", "lock",
                                              "shm", "size", "memory"};

static enum fault_kind armed;
static int left, given;
static bool lasting_fault;

void faults_arm(enum fault_kind kind, int nth, bool lasting)
{
    armed = kind;
    left = nth;
    lasting_fault = lasting;
    given = 0;
}

int faults_given(void)
{
    return given;
}

static bool fails(enum fault_kind kind)
{
    if (kind != armed || (left <= 0 && !lasting_fault))
        return false;
    if (left > 0 && --left > 0)
        return false;
    given++;
    return true;
}

/* --- files ------------------------------------------------------------------------------ */

struct wrapped {
    sqlite3_file base;
    sqlite3_file *real;    /* behind this struct, in the same memory */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct wrapped *)f)->real;
}

#define REAL(f, method, ...) real_of(f)->pMethods->method(__VA_ARGS__)

static int w_close(sqlite3_file *f) { return REAL(f, xClose, real_of(f)); }
static int w_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return fails(FAULT_READ) ? SQLITE_IOERR_READ : REAL(f, xRead, real_of(f), p, n, at);
}
static int w_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (fails(FAULT_FULL))
        return SQLITE_FULL;
    if (fails(FAULT_WRITE)) {      /* a part of it may have been written */
        REAL(f, xWrite, real_of(f), p, n / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return REAL(f, xWrite, real_of(f), p, n, at);
}
static int w_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fails(FAULT_TRUNCATE) ? SQLITE_IOERR_TRUNCATE : REAL(f, xTruncate, real_of(f), n);
}
static int w_sync(sqlite3_file *f, int flags)
{
    return fails(FAULT_SYNC) ? SQLITE_IOERR_FSYNC : REAL(f, xSync, real_of(f), flags);
}
static int w_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return fails(FAULT_SIZE) ? SQLITE_IOERR_FSTAT : REAL(f, xFileSize, real_of(f), n);
}
static int w_lock(sqlite3_file *f, int l) { return fails(FAULT_LOCK) ? SQLITE_IOERR_LOCK : REAL(f, xLock, real_of(f), l); }
static int w_unlock(sqlite3_file *f, int l) { return REAL(f, xUnlock, real_of(f), l); }
static int w_check_lock(sqlite3_file *f, int *out) { return REAL(f, xCheckReservedLock, real_of(f), out); }
static int w_control(sqlite3_file *f, int op, void *arg) { return REAL(f, xFileControl, real_of(f), op, arg); }
static int w_sector(sqlite3_file *f) { return REAL(f, xSectorSize, real_of(f)); }
static int w_device(sqlite3_file *f) { return REAL(f, xDeviceCharacteristics, real_of(f)); }
static int w_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
    return fails(FAULT_SHM) ? SQLITE_IOERR_SHMMAP : REAL(f, xShmMap, real_of(f), page, size, extend, p);
}
static int w_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return !(flags & SQLITE_SHM_UNLOCK) && fails(FAULT_SHM) ? SQLITE_IOERR_SHMLOCK : REAL(f, xShmLock, real_of(f), at, n, flags);
}
static void w_shm_barrier(sqlite3_file *f) { REAL(f, xShmBarrier, real_of(f)); }
static int w_shm_unmap(sqlite3_file *f, int del) { return REAL(f, xShmUnmap, real_of(f), del); }

static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = w_close, .xRead = w_read, .xWrite = w_write, .xTruncate = w_truncate, .xSync = w_sync,
    .xFileSize = w_size, .xLock = w_lock, .xUnlock = w_unlock, .xCheckReservedLock = w_check_lock, .xFileControl = w_control,
    .xSectorSize = w_sector, .xDeviceCharacteristics = w_device, .xShmMap = w_shm_map, .xShmLock = w_shm_lock,
    .xShmBarrier = w_shm_barrier, .xShmUnmap = w_shm_unmap};

static sqlite3_vfs *original, wrapper;

static int w_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct wrapped *w = (struct wrapped *)f;
    int rc;

    memset(w, 0, sizeof *w);
    if (fails(FAULT_OPEN))
        return SQLITE_CANTOPEN;
    w->real = (sqlite3_file *)(w + 1);
    rc = original->xOpen(original, name, w->real, flags, out);
    if (rc == SQLITE_OK)
        w->base.pMethods = &methods;
    return rc;
}

static int w_delete(sqlite3_vfs *v, const char *name, int sync)
{
    return fails(FAULT_DELETE) ? SQLITE_IOERR_DELETE : original->xDelete(original, name, sync);
}

/* --- memory ------------------------------------------------------------------------------ */

static sqlite3_mem_methods real_memory, memory;

static void *m_malloc(int n) { return fails(FAULT_MEMORY) ? NULL : real_memory.xMalloc(n); }
static void *m_realloc(void *p, int n) { return fails(FAULT_MEMORY) ? NULL : real_memory.xRealloc(p, n); }

void faults_install(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    memory = real_memory;
    memory.xMalloc = m_malloc;
    memory.xRealloc = m_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);   /* else small allocations would never come here */
    original = sqlite3_vfs_find(NULL);
    wrapper = *original;
    wrapper.zName = "faulty";
    wrapper.szOsFile = (int)sizeof(struct wrapped) + original->szOsFile;
    wrapper.xOpen = w_open;
    wrapper.xDelete = w_delete;
    sqlite3_vfs_register(&wrapper, 1);
}
