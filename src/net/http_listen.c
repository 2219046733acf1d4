/* Listening sockets and accepting.
 *
 * Addresses are literals ("localhost" stands for 127.0.0.1): a name lookup could block the start. A Unix socket's
 * path is tested by connecting before it is replaced, gets its mode before anybody can connect, and is removed at
 * the end only if the file is still ours. Loop thread only.
 */
#include "net/http_server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define BACKLOG 511

/* --- accepting ---------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    struct http_server *s = l->server;
    uint64_t now = uv_now(s->loop);

    if (status == 0) {
        conn_accept(s, l);
        return;
    }
    /* Out of descriptors: libuv has already taken the client off the queue and closed it, so this does not spin. */
    if (s->accept_warned_ms && now - s->accept_warned_ms < 60000)
        return;
    s->accept_warned_ms = now ? now : 1;
    log_warn("net", "a client could not be accepted: %s address=%s", uv_strerror(status), l->text);
}

/* --- common to both kinds --------------------------------------------------------------------------- */

static int has_room(const struct http_server *s, struct err *e)
{
    if (s->closing)
        return err_set(e, ERR_CLOSED, "the server is closing");
    if (s->listener_count == MAX_LISTENERS)
        return err_set(e, ERR_CONFIG, "there are more than %d listen addresses", MAX_LISTENERS);
    return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
    struct listener *l = h->data;
    struct http_server *s = l->server;

    free(l->path);
    free(l);
    server_handle_closed(s);
}

static struct listener *listener_new(struct http_server *s, bool local)
{
    struct listener *l = mem_zalloc(sizeof *l);

    l->server = s;
    l->local = local;
    if (local)
        uv_pipe_init(s->loop, &l->u.pipe, 0);
    else
        uv_tcp_init(s->loop, &l->u.tcp);
    l->u.handle.data = l;
    s->handles++;
    return l;
}

void listener_close(struct listener *l)
{
    struct stat st;

    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    uv_close(&l->u.handle, on_listener_closed);
}

static int listen_error(struct err *e, int rc, const char *address)
{
    if (rc == UV_EADDRINUSE)
        return err_set(e, ERR_IN_USE, "another program listens on '%s'; stop it or choose another address", address);
    return err_set(e, ERR_CONFIG, "cannot listen on '%s': %s", address, uv_strerror(rc));
}

static void listener_ready(struct http_server *s, struct listener *l)
{
    s->listeners[s->listener_count++] = l;
    log_debug("net", "listening address=%s", l->text);
}

/* --- TCP ----------------------------------------------------------------------------------------------- */

static int read_port(const char *text, int *port)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || n > 65535)
        return ERR_CONFIG;
    *port = (int)n;
    return 0;
}

static int read_address(const char *address, struct sockaddr_storage *out)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;
    int port;

    if (!colon || n == 0 || n >= sizeof host || read_port(colon + 1, &port) != 0)
        return ERR_CONFIG;
    memcpy(host, address, n);
    host[n] = '\0';
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        return uv_ip6_addr(host + 1, port, (struct sockaddr_in6 *)out) == 0 ? 0 : ERR_CONFIG;
    }
    return uv_ip4_addr(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, (struct sockaddr_in *)out) == 0
               ? 0 : ERR_CONFIG;
}

static void write_address(struct listener *l)
{
    struct sockaddr_storage ss;
    int n = sizeof ss;
    char ip[INET6_ADDRSTRLEN] = "?";

    if (uv_tcp_getsockname(&l->u.tcp, (struct sockaddr *)&ss, &n) != 0)
        return;
    if (ss.ss_family == AF_INET6) {
        uv_ip6_name((struct sockaddr_in6 *)&ss, ip, sizeof ip);
        snprintf(l->text, sizeof l->text, "[%s]:%d", ip, ntohs(((struct sockaddr_in6 *)&ss)->sin6_port));
    } else {
        uv_ip4_name((struct sockaddr_in *)&ss, ip, sizeof ip);
        snprintf(l->text, sizeof l->text, "%s:%d", ip, ntohs(((struct sockaddr_in *)&ss)->sin_port));
    }
}

int http_server_listen_tcp(struct http_server *s, const char *address, struct err *e)
{
    struct sockaddr_storage ss;
    struct listener *l;
    int rc = has_room(s, e);

    if (rc != 0)
        return rc;
    memset(&ss, 0, sizeof ss);
    if (read_address(address, &ss) != 0)
        return err_set(e, ERR_CONFIG, "'%s' is no listen address; write 127.0.0.1:5560 or [::1]:5560", address);
    l = listener_new(s, false);
    rc = uv_tcp_bind(&l->u.tcp, (struct sockaddr *)&ss, ss.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
    if (rc == 0)
        rc = uv_listen(&l->u.stream, BACKLOG, on_connection);
    if (rc != 0) {
        listener_close(l);
        return listen_error(e, rc, address);
    }
    write_address(l);
    listener_ready(s, l);
    return 0;
}

/* --- Unix socket --------------------------------------------------------------------------------------------- */

static int new_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* 0 when nobody answers at the path and it was removed; else why not. */
static int remove_stale(const struct sockaddr_un *sun, struct err *e)
{
    struct stat st;
    int fd, rc;

    if (lstat(sun->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_CONFIG, "cannot look at '%s': %s", sun->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFIG, "'%s' exists and is not a socket; choose another path", sun->sun_path);
    fd = new_unix_socket();
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot make a socket: %s", strerror(errno));
    rc = connect(fd, (const struct sockaddr *)sun, sizeof *sun) == 0 ? 0 : errno;
    close(fd);
    if (rc != ECONNREFUSED && rc != ENOENT)
        return err_set(e, ERR_IN_USE, "another songbookd listens on '%s'; stop it or choose another socket", sun->sun_path);
    if (unlink(sun->sun_path) != 0 && errno != ENOENT)
        return err_set(e, ERR_CONFIG, "cannot replace the stale socket '%s': %s", sun->sun_path, strerror(errno));
    return 0;
}

/* Two daemons that start at once must not both take the other's fresh socket for a stale one: who holds the
 * folder's lock goes first. -1 where the folder cannot be locked by anybody; that only loses this protection. */
static int lock_folder(const char *path, struct err *e, int *rc)
{
    char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');
    int fd;

    if (slash)
        slash[slash == folder] = '\0';
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    *rc = 0;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        *rc = err_set(e, ERR_IN_USE, "another process is setting up a socket beside '%s'; try again", path);
    return fd;
}

/* Binds and listens; the path is reachable only when its mode is right, because connecting needs the listen. */
static int bind_unix(struct listener *l, int fd, const struct sockaddr_un *sun, int mode, struct err *e)
{
    struct stat st;

    if (bind(fd, (const struct sockaddr *)sun, sizeof *sun) != 0) {
        close(fd);
        return err_set(e, errno == EADDRINUSE ? ERR_IN_USE : ERR_CONFIG, "cannot make the socket '%s': %s", sun->sun_path,
                       strerror(errno));
    }
    if (lstat(sun->sun_path, &st) == 0) {
        l->path = mem_strdup(sun->sun_path);
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    if (chmod(sun->sun_path, (mode_t)mode) != 0) {
        close(fd);
        return err_set(e, ERR_CONFIG, "cannot set the mode of '%s': %s", sun->sun_path, strerror(errno));
    }
    /* Not uv_pipe_bind: that unlinks the path at close, whoever owns it by then. */
    if (uv_pipe_open(&l->u.pipe, fd) != 0) {
        close(fd);
        return err_set(e, ERR_BUG, "cannot use the socket '%s'", sun->sun_path);
    }
    if (uv_listen(&l->u.stream, BACKLOG, on_connection) != 0)
        return err_set(e, ERR_CONFIG, "cannot listen on '%s'", sun->sun_path);
    return 0;
}

static int open_unix(struct listener *l, const struct sockaddr_un *sun, int mode, struct err *e)
{
    int rc, fd, lock = lock_folder(sun->sun_path, e, &rc);

    if (rc == 0)
        rc = remove_stale(sun, e);
    if (rc == 0) {
        fd = new_unix_socket();
        rc = fd < 0 ? err_set(e, ERR_IO, "cannot make a socket: %s", strerror(errno)) : bind_unix(l, fd, sun, mode, e);
    }
    if (lock >= 0)
        close(lock);
    return rc;
}

int http_server_listen_unix(struct http_server *s, const char *path, int mode, struct err *e)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct listener *l;
    int rc = has_room(s, e);

    if (rc != 0)
        return rc;
    if (!path[0] || strlen(path) >= sizeof sun.sun_path)
        return err_set(e, ERR_CONFIG, "the socket path '%.60s...' has %zu bytes, %zu are possible; choose a shorter one", path,
                       strlen(path), sizeof sun.sun_path - 1);
    strcpy(sun.sun_path, path);
    l = listener_new(s, true);
    rc = open_unix(l, &sun, mode, e);
    if (rc != 0) {
        listener_close(l);
        return rc;
    }
    snprintf(l->text, sizeof l->text, "unix:%s", path);
    listener_ready(s, l);
    return 0;
}
