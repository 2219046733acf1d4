/* llhttp.h with its method names out of the way: it calls them HTTP_GET and so on, as http_server.h does, but
 * numbers them 0, 1, 2 where ours are bits. Here they are LLHTTP_GET and so on.
 */
#ifndef SONGBOOKD_NET_HTTP_LLHTTP_H
#define SONGBOOKD_NET_HTTP_LLHTTP_H

#define HTTP_DELETE LLHTTP_DELETE
#define HTTP_GET LLHTTP_GET
#define HTTP_HEAD LLHTTP_HEAD
#define HTTP_POST LLHTTP_POST
#define HTTP_PUT LLHTTP_PUT
#define HTTP_OPTIONS LLHTTP_OPTIONS
#define HTTP_PATCH LLHTTP_PATCH
#include <llhttp.h>
#undef HTTP_DELETE
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_OPTIONS
#undef HTTP_PATCH

#endif
