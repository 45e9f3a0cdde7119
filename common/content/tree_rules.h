#ifndef WAYBILL_COMMON_CONTENT_TREE_RULES_H_
#define WAYBILL_COMMON_CONTENT_TREE_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_list.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"

namespace waybill::content {

/// INVALID_ARGUMENT unless the time is in the range that a manifest can carry.
absl::Status CheckModifiedTime(absl::Time time);

/// All symbolic links of a tree, and whether following them ends inside the tree after at most
/// kLinkChainMax links. A target that does not exist is allowed: the link may be meant for later.
class LinkTable {
 public:
  /// INVALID_ARGUMENT for a target that CheckLinkTarget refuses, or over the limits.
  absl::Status Add(absl::string_view path, absl::string_view target);

  /// The link's fault, or OK. Ask when all links were added: they may lead through one another.
  absl::Status Check(absl::string_view path) const;

  /// The first fault among all links in the order they were added.
  absl::Status CheckAll() const;

  const std::vector<std::string>& paths() const { return paths_; }

 private:
  absl::flat_hash_map<std::string, std::string> target_of_;
  std::vector<std::string> paths_;
  uint64_t bytes_ = 0;
};

/// The rules that a manifest's entries keep, for its writer and its reader alike, with the totals
/// and the content digest that follow from them. All errors are INVALID_ARGUMENT with the path.
/// Pure; one thread at a time.
class TreeRules {
 public:
  TreeRules();

  absl::Status AddEntry(const Entry& entry);
  absl::Status AddChunk(const Chunk& chunk);

  /// Plain bytes that the last file still waits for.
  uint64_t missing_bytes() const { return missing_bytes_; }

  /// The totals, without unique chunks and left out entries.
  absl::StatusOr<ManifestTotals> Finish();

 private:
  absl::Status CheckPlace(const Entry& entry);
  absl::Status CheckFields(const Entry& entry);
  void HashEntry(const Entry& entry);

  std::string previous_path_;
  std::vector<std::string> open_directories_;  // From the root down to where the last entry stands.
  uint64_t missing_bytes_ = 0;
  LinkTable links_;
  ManifestTotals totals_;
  Sha256 content_hasher_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_TREE_RULES_H_
