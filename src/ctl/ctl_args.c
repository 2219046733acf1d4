/* Reading the arguments of a command; see ctl.h. Refuses unknown options instead of taking them for words. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int args_refuse(const struct ctl *ctl, const char *fmt, ...)
{
    struct buf text;
    va_list ap;

    buf_init(&text, 1024);
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    complain("%s; 'songbookctl %s%s--help' shows the usage", buf_cstr(&text), ctl->command ? ctl->command->name : "",
             ctl->command ? " " : "");
    buf_deinit(&text);
    return EXIT_USAGE;
}

/* The option that arg names, and the text behind its '=' (NULL when there is none). */
static const struct arg_option *option_named(const struct arg_option *list, const char *arg, const char **value)
{
    size_t n = strcspn(arg, "=");

    for (; list && list->name; list++)
        if (strlen(list->name) == n && strncmp(list->name, arg, n) == 0) {
            *value = arg[n] ? arg + n + 1 : NULL;
            return list;
        }
    return NULL;
}

/* Takes the option at argv[*i] (and its value); 0 or ERR_USAGE. */
static int option_take(struct ctl *ctl, int argc, char **argv, int *i, const struct arg_option *own)
{
    const struct arg_option global[] = {
        {"--socket", NULL, &ctl->socket},         {"--url", NULL, &ctl->url},     {"--json", &ctl->json, NULL},
        {"--token-file", NULL, &ctl->token_file}, {"--help", &ctl->help, NULL},   {"-h", &ctl->help, NULL},
        ARGS_END};
    const char *value = NULL;
    const struct arg_option *o = option_named(own, argv[*i], &value);

    if (!o)
        o = option_named(global, argv[*i], &value);
    if (!o)
        return args_refuse(ctl, "unknown option '%s'", argv[*i]), ERR_USAGE;
    if (o->flag) {
        if (value)
            return args_refuse(ctl, "'%s' takes no value", o->name), ERR_USAGE;
        *o->flag = true;
        return 0;
    }
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return args_refuse(ctl, "'%s' needs a value", o->name), ERR_USAGE;
    *o->value = value;
    return 0;
}

/* Broken at blanks before column 80. */
static void command_help(const struct command *c)
{
    int at = printf("Usage: songbookctl %s", c->name);

    for (const char *w = c->args; *w; w += strspn(w, " ")) {
        int n = (int)strcspn(w, " ");
        if (at + 1 + n > 79)
            at = printf("\n      ") - 1;
        at += printf(" %.*s", n, w);
        w += n;
    }
    printf("\n%s.\n", c->help);
}

/* The words left over are as many as the command wants; GO_ON, or the refusal. */
static int words_check(const struct ctl *ctl, char **words, int n, int min, int max)
{
    if (ctl->socket && ctl->url)
        return args_refuse(ctl, "'--socket' and '--url' exclude each other");
    if (n < min)
        return args_refuse(ctl, "an argument is missing");
    if (max >= 0 && n > max)
        return args_refuse(ctl, "'%s' is too much", words[max]);
    return GO_ON;
}

int args_read(struct ctl *ctl, int *argc, char **argv, const struct arg_option *own, int min, int max)
{
    int words = 0;
    bool only_words = false;

    for (int i = 0; i < *argc; i++) {
        char *a = argv[i];
        if (!only_words && strcmp(a, "--") == 0)
            only_words = true;
        else if (only_words || a[0] != '-' || a[1] == '\0')
            argv[words++] = a;
        else if (option_take(ctl, *argc, argv, &i, own) != 0)
            return EXIT_USAGE;
    }
    *argc = words;
    if (ctl->help && ctl->command) {
        command_help(ctl->command);
        return EXIT_FINE;
    }
    return ctl->help ? GO_ON : words_check(ctl, argv, words, min, max);
}

int args_number(const char *what, const char *text, long long low, long long high, long long *out)
{
    char *end;
    bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9' : text[0] >= '0' && text[0] <= '9';

    errno = 0;
    *out = strtoll(text, &end, 10);
    if (digits && *end == '\0' && errno == 0 && *out >= low && *out <= high)
        return 0;
    complain("%s '%s' is no whole number from %lld to %lld", what, text, low, high);
    return ERR_USAGE;
}
