#ifndef WAYBILL_SERVICES_PCM_HISTORY_H_
#define WAYBILL_SERVICES_PCM_HISTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/pcm/offer_rules.h"

namespace waybill::pcm {

/// What is on disk, and what a workstation does that finds it so at its start:
///
///   requested   {run_id}    asks the site again with the same run id
///   started     {+ token}   the command may have run: reported as interrupted, never run again
///   finished    {+ result}  reports the result
///   reported                nothing
///   dropped                 nothing: the site refused it, or knows no such run
///
///   requested --> started --> finished --> reported
///       |  \                     ^  |
///       |   +-- not started -----+  |
///       +------> dropped <----------+
enum class RunStep { kRequested, kStarted, kFinished, kReported, kDropped };

enum class RunOutcome { kExited, kTimedOut, kNotStarted, kInterrupted, kKilled };

/// One job on this workstation.
struct RunRecord {
  std::string job_id = {};
  RunStep step = RunStep::kRequested;
  std::string run_id = {};
  std::string run_token = {};  ///< From kStarted, or kFinished, on.

  // The result, from kFinished on.
  RunOutcome outcome = RunOutcome::kInterrupted;
  std::int32_t exit_code = 0;
  std::string output = {};  ///< UTF-8.
  std::string detail = {};  ///< UTF-8. For kDropped: why.
  absl::Time start_time = absl::UnixEpoch();
  absl::Duration run_duration = absl::ZeroDuration();

  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

/// A record as text: a line with the first 16 hex digits of the SHA-256 of the rest, then JSON.
std::string EncodeRecord(const RunRecord& record);
/// INVALID_ARGUMENT for anything that EncodeRecord would not have written.
absl::StatusOr<RunRecord> DecodeRecord(absl::string_view text);

/// The workstation's memory of what it ran: one file `<job id>.run` for each job. Thread-safe, one
/// writer.
class History {
 public:
  /// A broken record stops nothing but its own job, which never runs: nobody can tell whether it
  /// did. At most kRecordsMax are kept; beyond that the oldest that are reported or dropped go,
  /// since the site knows them.
  static absl::StatusOr<std::unique_ptr<History>> Open(tree::Directory directory);
  static constexpr int kRecordsMax = 4000;

  /// The record is on the disk, whole, when this returns OK; after an error the old one stands.
  absl::Status Put(const RunRecord& record);

  std::optional<RunRecord> Find(const std::string& job_id) const;
  RunProgress ProgressOf(const std::string& job_id) const;

  /// Those at this step, by job id.
  std::vector<RunRecord> ListAt(RunStep step) const;

 private:
  explicit History(tree::Directory directory) : directory_(std::move(directory)) {}
  absl::Status Load();
  absl::Status Prune();

  const tree::Directory directory_;
  mutable Mutex mutex_;
  std::map<std::string, RunRecord> records_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> broken_ ABSL_GUARDED_BY(mutex_);  // Job ids.
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_HISTORY_H_
