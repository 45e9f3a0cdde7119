#ifndef WAYBILL_SERVICES_SCHEDULER_SITE_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_SITE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "services/scheduler/registration_rules.h"

#include "waybill/site/v1/site.pb.h"

namespace waybill::scheduler {

/// A site with what GetHierarchy counts. `last_report_time` is absent without a report.
struct HierarchyRow {
  site::v1::Site site;
  int depth = 0;
  std::int64_t distribution_server_count = 0;
  std::int64_t workstation_count = 0;
  std::optional<absl::Time> last_report_time;
};

/// The site tree and its servers and groups in the job database.
///
/// Each method is one atomic step, durable when it returns. Messages are those of site.proto and
/// have passed the checks of registration_rules.h; what depends on other rows is checked here, in
/// the same transaction. A Put that changes nothing writes nothing. Besides what each method says,
/// all return the errors of jobdb::Database::Run. Thread-safe.
class SiteStore {
 public:
  /// Borrows `database`.
  explicit SiteStore(jobdb::Database& database) : database_(database) {}

  /// At start: writes which site this database belongs to, or checks it. FAILED_PRECONDITION,
  /// naming both sites, if it is another's.
  absl::Status ClaimDatabase(const std::string& site_code, const std::string& parent_site_code);

  /// FAILED_PRECONDITION before ClaimDatabase.
  absl::StatusOr<Self> GetSelf();

  /// Errors as CheckPutSite.
  absl::Status PutSite(const site::v1::Site& site);
  /// NOT_FOUND.
  absl::StatusOr<site::v1::Site> GetSite(const std::string& site_code);
  absl::StatusOr<std::vector<site::v1::Site>> ListSites();

  /// NOT_FOUND: no such site. FAILED_PRECONDITION: neither this site nor a direct child.
  absl::Status PutAddress(const site::v1::Address& address);
  /// NOT_FOUND.
  absl::StatusOr<site::v1::Address> GetAddress(const std::string& site_code);
  absl::StatusOr<std::vector<site::v1::Address>> ListAddresses();

  /// Asks for new definition files where offers say a URL that changes. FAILED_PRECONDITION:
  /// another site's server, or a directory that is in use.
  absl::Status PutDistributionServer(const site::v1::DistributionServer& server);
  /// NOT_FOUND. An empty `site_code` is this site.
  absl::StatusOr<site::v1::DistributionServer> GetDistributionServer(
      const std::string& site_code, const std::string& server_name);
  /// Those of one site, or of all if `site_code` is empty.
  absl::StatusOr<std::vector<site::v1::DistributionServer>> ListDistributionServers(
      const std::string& site_code);

  /// FAILED_PRECONDITION: another site's server, or its directory overlaps with another's.
  absl::Status PutLogonServer(const site::v1::LogonServer& server);
  /// NOT_FOUND.
  absl::StatusOr<site::v1::LogonServer> GetLogonServer(const std::string& server_name);
  absl::StatusOr<std::vector<site::v1::LogonServer>> ListLogonServers();

  /// NOT_FOUND: unknown members, by name. FAILED_PRECONDITION: the group has another kind.
  absl::Status PutGroup(const site::v1::Group& group);
  /// NOT_FOUND. Members in order.
  absl::StatusOr<site::v1::Group> GetGroup(const std::string& group_name);
  /// Without members.
  absl::StatusOr<std::vector<site::v1::Group>> ListGroups();

  /// Parents before children.
  absl::StatusOr<std::vector<HierarchyRow>> GetHierarchy();

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_SITE_STORE_H_
