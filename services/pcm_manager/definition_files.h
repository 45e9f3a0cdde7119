#ifndef WAYBILL_SERVICES_PCM_MANAGER_DEFINITION_FILES_H_
#define WAYBILL_SERVICES_PCM_MANAGER_DEFINITION_FILES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"
#include "common/tree/directory.h"

namespace waybill::pcm_manager {

/// One workstation's definition file in memory. Immutable.
struct DefinitionBytes {
  std::string sms_id;
  std::int64_t offer_version = 0;
  std::string bytes;
  std::vector<absl::Time> offer_afters;  ///< Of its offers, ascending.
};
using DefinitionPointer = std::shared_ptr<const DefinitionBytes>;

/// Checks a whole file. INVALID_ARGUMENT if it is broken or another workstation's.
absl::StatusOr<DefinitionPointer> ParseDefinition(const std::string& sms_id, std::string bytes);

/// Reads `<domain>.000/<SMS ID>.ins` of `box`, which is site.srv/mancfg.box. INVALID_ARGUMENT for a
/// name that is not fit for a path or a broken file; and errors of tree::Directory.
absl::StatusOr<DefinitionPointer> ReadMaster(const tree::Directory& box, const std::string& domain,
                                             const std::string& sms_id);

/// The newest file of each workstation as read from site.srv: what is to stand at every logon
/// server. Thread-safe.
class MasterFiles {
 public:
  /// Keeps `file` unless one of that version or a newer one is known. Returns whether it was kept.
  bool Put(DefinitionPointer file);

  /// The version that is known, 0 for none.
  std::int64_t VersionOf(const std::string& sms_id) const;

  std::vector<DefinitionPointer> All() const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, DefinitionPointer> files_ ABSL_GUARDED_BY(mutex_);
};

/// What polls are answered from: the files that stand at a logon server. Called for every poll, so
/// it neither blocks nor allocates for a workstation that is up to date. Thread-safe.
class ServedFiles {
 public:
  /// `file` now stands at a logon server. An older one than the known is ignored.
  void Put(DefinitionPointer file);

  /// No logon server is left: nothing stands anywhere.
  void Clear();

  struct Answer {
    bool is_known = false;   ///< Registered here, as far as memory tells.
    DefinitionPointer file;  ///< Null: none stands.
    /// The workstation says that it has this file, and MarkSeen was not called for it since we
    /// started: its offers are to be acknowledged.
    bool is_first_sight = false;
  };
  /// `known_version` is that of the file which the workstation says it has. One that is only on its
  /// way to it has not been seen: the answer may be lost.
  Answer Poll(const std::string& sms_id, std::int64_t known_version);

  /// That the workstation has this version is on its way to the database.
  void MarkSeen(const std::string& sms_id, std::int64_t offer_version);

  /// The workstation is registered though it has no file. At most kRegisteredMax are remembered.
  void AddRegistered(const std::string& sms_id);
  static constexpr int kRegisteredMax = 1'000'000;

 private:
  struct Entry {
    DefinitionPointer file;
    std::int64_t seen_version = 0;
  };

  Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> registered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_DEFINITION_FILES_H_
