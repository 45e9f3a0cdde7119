#ifndef WAYBILL_SERVICES_PCM_MANAGER_REPLICATE_LOOP_H_
#define WAYBILL_SERVICES_PCM_MANAGER_REPLICATE_LOOP_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/logon_server_loop.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {

/// Reads definition files that changed in site.srv and hands them to the loop of each logon server.
///
/// A pass reads the list of logon servers (loops come and go with it) and the rows that changed
/// since the last one. Which ones, change_time tells; because transactions commit later than their
/// time says, a pass looks back to kLookBack before the last one, and known versions are skipped in
/// memory. Everything is read at the start and every `compare_interval`.
///
/// A master file that is missing, broken or older than its row is logged once and read again in
/// each pass: the Despooler mends it.
class ReplicateLoop {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(60);
    absl::Duration compare_interval = absl::Minutes(10);
    int batch_max = 5000;
    LogonServerLoop::Options copy;
  };

  /// Longer than any transaction of ours may last.
  static constexpr absl::Duration kLookBack = absl::Minutes(2);

  /// `masters` is the one that `parts` refers to.
  ReplicateLoop(std::string site_directory, MasterFiles& masters, CopyParts parts,
                const Options& options);
  ~ReplicateLoop();

  void Start();
  void Wake() { loop_.Wake(); }
  void Stop();

  /// One pass; returns after how long the next is due. Before Start() it also makes a pass of each
  /// logon server, one after the other.
  absl::StatusOr<absl::Duration> RunOnce();

  /// The database's clock minus ours, as of the last pass.
  absl::Duration clock_offset() const { return absl::Microseconds(offset_microseconds_.load()); }

 private:
  absl::Status UpdateServers();
  absl::StatusOr<std::vector<DefinitionPointer>> ReadChanged();
  absl::Status ReadRows(absl::Time since, std::vector<DefinitionPointer>& changed);
  void ReadRow(const tree::Directory& box, const WrittenRow& row,
               std::vector<DefinitionPointer>& changed);
  void ReportUnreadable(const WrittenRow& row, const absl::Status& status);

  const std::string site_directory_;
  MasterFiles& masters_;
  const CopyParts parts_;
  const Options options_;

  // Of the loop's thread.
  bool started_ = false;
  std::map<std::string, std::pair<LogonServer, std::unique_ptr<LogonServerLoop>>> servers_;
  bool warned_no_server_ = false;
  absl::Time changes_after_ = absl::InfinitePast();
  std::optional<absl::Duration> compared_at_;  // On the monotonic clock.
  std::map<std::string, WrittenRow> unreadable_;

  std::atomic<std::int64_t> offset_microseconds_ = 0;
  Loop loop_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_REPLICATE_LOOP_H_
