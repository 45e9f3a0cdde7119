#ifndef WAYBILL_SERVICES_PCM_MANAGER_PCM_STORE_H_
#define WAYBILL_SERVICES_PCM_MANAGER_PCM_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "services/pcm_manager/run_rules.h"

namespace waybill::pcm_manager {

struct LogonServer {
  std::string server_name;
  std::string directory;

  friend bool operator==(const LogonServer&, const LogonServer&) = default;
};

/// A definition file that stands in site.srv.
struct WrittenRow {
  std::string sms_id;
  std::string domain;
  std::int64_t written_version = 0;
};

/// A file and its version, by SMS ID.
struct SeenVersion {
  std::string sms_id;
  std::int64_t offer_version = 0;
};

/// Which run is meant.
struct RunKey {
  std::string job_id;
  std::string sms_id;
};

/// A leave to run.
struct RunGrant {
  std::string run_token;
  int attempt = 0;
  bool is_new = false;  ///< False: the answer to a repeat; nothing changed.
};

/// What the PCM-Manager reads and writes in the job database of its site. Each method is one
/// transaction. Errors as of jobdb::Database::Run, and those named. Thread-safe.
class PcmStore {
 public:
  /// Borrows `database`.
  PcmStore(jobdb::Database& database, std::string site_code)
      : database_(database), site_code_(std::move(site_code)) {}

  /// NOT_FOUND before the site's Scheduler has started for the first time.
  absl::StatusOr<std::string> GetSiteCode();

  absl::StatusOr<std::vector<LogonServer>> ListLogonServers();

  /// Where a later look for changed definitions may begin.
  struct Mark {
    absl::Time now;            ///< By the database's clock.
    absl::Time changes_after;  ///< What is written later has a change_time from here on.
  };
  absl::StatusOr<Mark> ReadMark();

  /// Files that stand in site.srv and whose offers changed at `since` or later, by SMS ID behind
  /// `after`; InfinitePast lists all.
  absl::StatusOr<std::vector<WrittenRow>> ListWritten(absl::Time since, const std::string& after,
                                                      int count_max);

  /// For files found newer than their rows: the rows overtake them. Returns how many did.
  absl::StatusOr<std::int64_t> Overtake(const std::vector<SeenVersion>& found);

  /// Whether it is registered at this site.
  absl::StatusOr<bool> HasWorkstation(const std::string& sms_id);

  /// OFFERED -> ACKNOWLEDGED for all offers of workstations that have these files. Returns how many
  /// targets changed.
  absl::StatusOr<std::int64_t> Acknowledge(const std::vector<SeenVersion>& seen);

  /// Grants a run under `run_id`, see DecideStart; `new_token` is used if it is a new one.
  /// NOT_FOUND: no such offer. FAILED_PRECONDITION: refused; the text is "WORD: sentence". Repeat
  /// an UNKNOWN with the same run_id.
  absl::StatusOr<RunGrant> StartRun(const RunKey& key, const std::string& run_id,
                                    const std::string& new_token);

  /// Records the first result of a run and lets its offer leave the definition file. Returns false,
  /// and changes nothing, if the run has one. NOT_FOUND: this workstation has no run of this token.
  absl::StatusOr<bool> PutResult(const RunKey& key, const std::string& run_token,
                                 const RunResult& result);

 private:
  jobdb::Database& database_;
  const std::string site_code_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_PCM_STORE_H_
