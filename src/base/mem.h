/* Allocation that never returns NULL.
 *
 * When memory is gone the process ends with one line on stderr (exit by abort): everything
 * acknowledged is already on disk, and a half-working service would be worse. Sizes that an input
 * drives must be bounded by the caller before it allocates. Thread safe.
 */
#ifndef SONGBOOKD_BASE_MEM_H
#define SONGBOOKD_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                 /* uninitialised */
void *mem_zalloc(size_t size);                /* zeroed */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);              /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);   /* copies n bytes and adds a NUL */
void mem_set_text(char **field, const char *value);   /* a copy in the place of what the field owned; NULL is none */
__attribute__((format(printf, 1, 2))) char *mem_printf(const char *fmt, ...);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#endif
