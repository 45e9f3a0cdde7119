#ifndef WAYBILL_COMMON_MODEL_SHARE_URL_H_
#define WAYBILL_COMMON_MODEL_SHARE_URL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

/// URLs under which a web server shows a share or a version's directory. Pure text: nothing is
/// resolved or asked.
namespace waybill::model {

inline constexpr int kShareUrlBytesMax = 500;
/// Of a version's directory, which is a few parts longer than that of its share.
inline constexpr int kLocationUrlBytesMax = 600;

/// INVALID_ARGUMENT that names `field` and says what is wrong, unless `url` has the one accepted
/// form: "http://" or "https://" in small letters, a host (name, IPv4, or IPv6 in brackets), a port
/// of 1 to 65535 or none, and path parts or none. Refused are a user or password, a query, a
/// fragment, a slash at the end, empty parts, "." and "..", anything that a URL writes as %XX but
/// does not have so, and more than `bytes_max` bytes.
absl::Status CheckUrl(absl::string_view field, absl::string_view url, int bytes_max);

/// The URL of `path`, relative and any bytes but NUL, beneath `base`, which passed CheckUrl. All
/// but letters, digits and - . _ ~ become %XX (RFC 3986, 2.3); slashes stay.
std::string UrlBeneath(absl::string_view base, absl::string_view path);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_SHARE_URL_H_
