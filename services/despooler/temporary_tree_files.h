#ifndef WAYBILL_SERVICES_DESPOOLER_TEMPORARY_TREE_FILES_H_
#define WAYBILL_SERVICES_DESPOOLER_TEMPORARY_TREE_FILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/content/chunk_store.h"
#include "common/content/manifest.h"
#include "common/content/progress.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"

namespace waybill::despooler {

/// What a directory's disk has; for tests to say otherwise.
using MeasureSpace = std::function<absl::StatusOr<tree::SpaceInfo>(const tree::Directory&)>;

/// A package decompressed on one of the site server's drives, for as long as servers are copied
/// from it:
///
///     <drive>/waybill.tmp/<32 hex>/       the tree
///                         <32 hex>.lock   locked while its maker lives
///
/// Removed by the destructor; after a crash by the next SweepTemporaryTrees, of any Despooler that
/// shares the drive. Immutable once it is made; threads may share it.
class TemporaryTree {
 public:
  /// An empty tree on `drive`.
  static absl::StatusOr<std::unique_ptr<TemporaryTree>> Make(const tree::Directory& drive);

  ~TemporaryTree();
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  const tree::Directory& directory() const { return directory_; }

 private:
  TemporaryTree(tree::Directory parent, std::string name, tree::File lock,
                tree::Directory directory);

  const tree::Directory parent_;
  const std::string name_;
  const tree::File lock_;
  const tree::Directory directory_;
};

/// Removes the trees whose makers are dead. Logs what it cannot remove.
absl::Status SweepTemporaryTrees(const tree::Directory& drive);

/// What BuildTemporaryTree needs of its surroundings.
struct SiteDrives {
  std::vector<std::string> directories;  ///< As configured, one for each drive.
  std::int64_t reserve_bytes = 0;
  MeasureSpace measure_space;
};

/// Rebuilds a version on the drive with the most free space above the reserve, checking every
/// chunk. A drive that cannot be opened is passed over while another can. RESOURCE_EXHAUSTED with
/// INSUFFICIENT_SPACE when none has `needed_bytes`; errors of content::ExtractTree.
absl::StatusOr<std::unique_ptr<TemporaryTree>> BuildTemporaryTree(const SiteDrives& drives,
                                                                  const content::Manifest& manifest,
                                                                  content::ChunkStore& store,
                                                                  std::int64_t needed_bytes,
                                                                  const content::WorkOptions& work);

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_TEMPORARY_TREE_FILES_H_
