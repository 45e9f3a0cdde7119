#ifndef WAYBILL_SERVICES_PCM_PACKAGE_SOURCE_H_
#define WAYBILL_SERVICES_PCM_PACKAGE_SOURCE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

#include "common/content/byte_stream.h"

namespace waybill::pcm {

/// Where in a file something stands.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  ///< At least 1.
};

/// A place that shows a version of a package: its files, and its manifest. Nothing that it gives is
/// to be believed: whoever asks checks digests. Used by one thread at a time.
class PackageSource {
 public:
  virtual ~PackageSource() = default;

  /// Appends to `sink` all of the manifest, in pieces. RESOURCE_EXHAUSTED if it is longer than any
  /// may be, before or after some of it was appended.
  virtual absl::Status ReadManifest(content::ByteSink& sink) = 0;

  /// Appends to `sink` these bytes of the file `path`, in pieces: exactly so many if it returns OK,
  /// never more. Returns the sink's error if it fails, and then ends at once.
  virtual absl::Status ReadFile(const std::string& path, ByteRange range,
                                content::ByteSink& sink) = 0;
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_PACKAGE_SOURCE_H_
