#ifndef WAYBILL_SERVICES_PCM_HTTP_SOURCE_H_
#define WAYBILL_SERVICES_PCM_HTTP_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "services/pcm/package_source.h"

namespace waybill::pcm {

struct HttpOptions {
  absl::Duration connect_timeout = absl::Seconds(5);  ///< With looking up the host's name.
  /// A server that gives less than this many bytes a second for so long has failed. Whole seconds.
  int bytes_per_second_min = 1024;
  absl::Duration stall_timeout = absl::Seconds(20);
  std::string ca_file;  ///< PEM; whom to believe with https. Empty: what the machine believes.
};

/// A version's directory as a web server shows it at `url`, with `<url>.manifest` beside it. The
/// server is any that can give byte ranges. One connection is kept from file to file; a broken one
/// is made anew.
///
/// Each ReadFile is one GET with a range; what comes is handed on as it comes and never held. Only
/// http and https, no redirect, no proxy, no credentials. Errors name the URL: NOT_FOUND for 404;
/// UNAVAILABLE for another answer than the one that fits and for all that a network does;
/// DATA_LOSS for more or fewer bytes than were asked for; CANCELLED within some 100 ms after
/// `cancelled` became true. INVALID_ARGUMENT, at once, if model::CheckUrl refuses `url`.
absl::StatusOr<std::unique_ptr<PackageSource>> OpenHttpSource(const std::string& url,
                                                              const HttpOptions& options,
                                                              std::function<bool()> cancelled);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_HTTP_SOURCE_H_
