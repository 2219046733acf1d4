/* Checking and normalising the text of one value. For the config room only. */
#ifndef SONGBOOKD_CONFIG_OPTION_VALUE_H
#define SONGBOOKD_CONFIG_OPTION_VALUE_H

#include "config/config.h"

/* Returns new: the value as it is kept (numbers and booleans in one spelling, paths absolute), or NULL with e set to ERR_CONFIG.
 * base: the folder that relative paths count from; NULL refuses them. */
char *option_value(enum option_id id, const char *text, const char *base, struct err *e);
/* "yes", "no" or NULL. */
const char *bool_word(const char *text);
/* The host of an http or https URL in lower case; false when the text is none. */
bool url_host(const char *url, char host[256]);

#endif
