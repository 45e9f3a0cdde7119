#ifndef WAYBILL_SERVICES_DESPOOLER_RECEIVE_STORE_H_
#define WAYBILL_SERVICES_DESPOOLER_RECEIVE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/database.h"
#include "services/despooler/received_transfer.h"

namespace waybill::despooler {

/// What a transfer does to the job database. Thread-safe. Each method is one transaction; errors
/// are Database::Run's and those named.
class ReceiveStore {
 public:
  explicit ReceiveStore(jobdb::Database& database) : database_(database) {}

  struct Self {
    std::string site_code;
    std::optional<std::string> parent_site_code;
  };
  /// NOT_FOUND before the site's Scheduler has started for the first time.
  absl::StatusOr<Self> GetSelf();

  enum class Admission {
    kWelcome,
    kSuperseded,  ///< A higher revision of the job is here.
  };
  /// Remembers the fence. FAILED_PRECONDITION (STALE_FENCE) if a higher one was seen.
  absl::StatusOr<Admission> Admit(const TransferKey& key, const std::string& job_id,
                                  std::int64_t revision);

  /// Keeps a version's manifest and chunks from the collector, for its transfer.
  struct Pin {
    std::string pin_id;
    std::string package_id;
    content::Digest version;
    std::string job_id;
  };

  /// Keeps them for `limit`, whether they are there already or not; a repeat begins anew. What the
  /// store is asked for behind this stays. ABORTED if the job was cancelled here.
  absl::Status PutPin(const Pin& pin, absl::Duration limit);

  /// Prolongs it. ABORTED if it has ended or its job was cancelled here.
  absl::Status RenewPin(const std::string& pin_id, absl::Duration limit);

  /// OK if absent.
  absl::Status DeletePin(const std::string& pin_id);

  enum class Commitment { kCommitted, kSuperseded };

  /// Makes the transfer true, all of it or nothing: package and version, job, target sites and
  /// targets; at a target site also its own servers (frozen here), or the reason why it cannot take
  /// part; for a remove job its removals and the withdrawal of offers; for a cancelled job the end
  /// of its open edges; the instruction for forwarding; last of all `commit_seen`.
  ///
  /// `chunks_stand` is called while the lock against unlinking of packs is held, if there is a
  /// version, and says whether the store has all of it; its error is returned. It may run twice.
  /// Repeating a commit changes nothing. At the job's originating site, where the rows are already,
  /// only what is this site's own is added. FAILED_PRECONDITION (STALE_FENCE) as Admit.
  /// After UNKNOWN the caller's sender repeats the whole transfer.
  absl::StatusOr<Commitment> Commit(const ReceivedTransfer& received,
                                    absl::FunctionRef<absl::Status()> chunks_stand);

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_RECEIVE_STORE_H_
