/* A VFS and an allocator under SQLite that fail on command: once, or from then on. Tests only. */
#ifndef SONGBOOKD_TEST_FAULTY_SQLITE_H
#define SONGBOOKD_TEST_FAULTY_SQLITE_H

#include <stdbool.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_READ, FAULT_WRITE, FAULT_FULL, FAULT_SYNC, FAULT_TRUNCATE, FAULT_OPEN, FAULT_DELETE, FAULT_LOCK, FAULT_SHM, FAULT_SIZE,
    FAULT_MEMORY,
    FAULT_KINDS
};
extern const char *const fault_names[FAULT_KINDS];

/* Once, before anything opens a database. */
void faults_install(void);
/* The nth call of that kind from now on fails (n counts from 1); lasting: all after it, too. FAULT_NONE: none does. */
void faults_arm(enum fault_kind kind, int nth, bool lasting);
/* How often a fault was given since faults_arm. */
int faults_given(void);

#endif
