#ifndef WAYBILL_SERVICES_PCM_SITE_CLIENT_H_
#define WAYBILL_SERVICES_PCM_SITE_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/rpc/tls.h"
#include "services/pcm/history.h"

namespace waybill::pcm {

/// The workstation's site. Calls block, at most 10 s; errors are those of the protocol, UNAVAILABLE
/// and DEADLINE_EXCEEDED while it cannot be reached. Thread-safe.
class SiteClient {
 public:
  virtual ~SiteClient() = default;

  struct PollAnswer {
    std::int64_t offer_version = 0;  ///< 0: there is no file.
    std::string definition;          ///< Empty if the known one is the current one.
    absl::Duration next_poll_after;
    absl::Time server_time;
  };
  virtual absl::StatusOr<PollAnswer> Poll(std::int64_t known_offer_version) = 0;

  /// Returns the run token. Idempotent in `run_id`.
  virtual absl::StatusOr<std::string> StartRun(const std::string& job_id,
                                               const std::string& run_id) = 0;

  /// `record` is finished. Idempotent.
  virtual absl::Status ReportResult(const RunRecord& record) = 0;
};

/// Speaks to the PCM-Manager of `site_code` at `server` (host:port), as `tls` says who we are.
std::unique_ptr<SiteClient> MakeSiteClient(const std::string& server, const std::string& site_code,
                                           const rpc::TlsIdentity& tls);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_SITE_CLIENT_H_
