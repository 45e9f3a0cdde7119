#ifndef WAYBILL_SERVICES_PCM_DIRECTORY_SOURCE_H_
#define WAYBILL_SERVICES_PCM_DIRECTORY_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "services/pcm/package_source.h"

namespace waybill::pcm {

/// A version's directory on a share that is mounted here, with `<directory>.manifest` beside it.
/// INVALID_ARGUMENT unless an absolute path; errors of tree::Directory, also of the methods.
absl::StatusOr<std::unique_ptr<PackageSource>> OpenDirectorySource(const std::string& directory);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_DIRECTORY_SOURCE_H_
