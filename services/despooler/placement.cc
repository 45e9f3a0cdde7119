#include "services/despooler/placement.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "common/content/digest.h"
#include "common/model/reasons.h"

namespace waybill::despooler {
namespace {

constexpr std::int64_t kBlockBytes = 4096;

absl::Status NoRoom(const std::vector<Candidate>& candidates, std::int64_t needed_bytes,
                    absl::string_view what) {
  std::int64_t most = 0;
  for (const Candidate& candidate : candidates) {
    most = std::max(most, candidate.free_bytes);
  }
  return absl::ResourceExhaustedError(
      model::Reason(model::kInsufficientSpace,
                    absl::StrCat(needed_bytes, " bytes needed, ", most, " available on ", what)));
}

}  // namespace

std::int64_t TreeBytesNeeded(std::int64_t plain_bytes, std::int64_t entry_count) {
  return plain_bytes + (entry_count + 1) * kBlockBytes;
}

absl::StatusOr<std::size_t> ChoosePlace(const std::vector<Candidate>& candidates,
                                        std::int64_t needed_bytes, std::int64_t reserve_bytes,
                                        absl::string_view what) {
  if (candidates.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no directory on ", what));
  }
  std::optional<std::size_t> chosen;
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.holds_package != b.holds_package ? a.holds_package : a.free_bytes > b.free_bytes;
  };
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].holds_version) {
      return i;
    }
    const bool fits = candidates[i].free_bytes - reserve_bytes >= needed_bytes;
    if (fits && (!chosen.has_value() || better(candidates[i], candidates[*chosen]))) {
      chosen = i;
    }
  }
  if (!chosen.has_value()) {
    return NoRoom(candidates, needed_bytes + reserve_bytes, what);
  }
  return *chosen;
}

std::string PackagePath(absl::string_view drive, absl::string_view package_id) {
  return absl::StrCat("SMS_PKG", absl::AsciiStrToUpper(drive), "/", package_id);
}

std::string ManifestName(const content::Digest& version) {
  return absl::StrCat(version.Prefix16Hex(), ".manifest");
}

std::string TemporaryCopyName(const content::Digest& version, absl::string_view job_id,
                              std::int64_t fence) {
  return absl::StrCat(".", version.Prefix16Hex(), ".", job_id, ".", fence, ".tmp");
}

bool IsTemporaryName(absl::string_view name) {
  return absl::StartsWith(name, ".") && absl::EndsWith(name, ".tmp");
}

std::string VersionDirectory(absl::string_view share_directory, absl::string_view drive,
                             absl::string_view package_id, const content::Digest& version) {
  return absl::StrCat(absl::StripSuffix(share_directory, "/"), "/", PackagePath(drive, package_id),
                      "/", version.Prefix16Hex());
}

absl::StatusOr<std::string> ShareDirectoryOf(absl::string_view version_directory,
                                             absl::string_view drive, absl::string_view package_id,
                                             const content::Digest& version) {
  absl::string_view share = version_directory;
  const std::string ending = VersionDirectory("", drive, package_id, version);
  const bool good = absl::ConsumeSuffix(&share, ending) && absl::StartsWith(version_directory, "/");
  if (!good) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ledger's directory ", version_directory, " does not end in ", ending));
  }
  return share.empty() ? "/" : std::string(share);
}

}  // namespace waybill::despooler
