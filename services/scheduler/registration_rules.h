#ifndef WAYBILL_SERVICES_SCHEDULER_REGISTRATION_RULES_H_
#define WAYBILL_SERVICES_SCHEDULER_REGISTRATION_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "waybill/package/v1/package.pb.h"
#include "waybill/site/v1/site.pb.h"

/// What administrators may register: sites, machines and packages. Pure. Unless said otherwise each
/// Check returns INVALID_ARGUMENT that names the field and says what is expected.
namespace waybill::scheduler {

inline constexpr int kSiteDepthMax = 16;  ///< As the view site_route walks the tree.
inline constexpr int kCommandsMax = 100;
inline constexpr int kPropertiesMax = 64;
inline constexpr int kPropertyBytesMax = 1000;
inline constexpr int kNamesShownMax = 20;  ///< In one error.
inline constexpr char kDefaultServersGroup[] = "Default Servers";

/// Which site this database belongs to.
struct Self {
  std::string site_code;
  std::string parent_site_code;                  ///< Empty: the central site.
  std::vector<std::string> ancestor_site_codes;  ///< As far as the parent has told them.
};

/// FAILED_PRECONDITION, naming both, unless the process that was configured with `site_code` and
/// `parent_site_code` is of the site that `stored` says.
absl::Status CheckSameSite(const Self& stored, absl::string_view site_code,
                           absl::string_view parent_site_code);

// Paths. --------------------------------------------------------------------------------------

/// Absolute, in one spelling: components as tree::CheckName takes them, no "..", no slash too many.
absl::Status CheckAbsolutePath(absl::string_view field, absl::string_view path);

/// Whether `path` is `root` or beneath it; both have passed CheckAbsolutePath.
bool IsBeneath(absl::string_view root, absl::string_view path);

/// A directory that has a use already, and whose it is, for the error: "server DS1 of site CEN".
struct UsedDirectory {
  std::string owner;
  std::string directory;
};

/// FAILED_PRECONDITION, naming the other use, if `directory` contains or lies in one of `used`:
/// whoever empties one of the two would destroy the other.
absl::Status CheckNoOverlap(absl::string_view field, absl::string_view directory,
                            absl::Span<const UsedDirectory> used);

// Sites and machines. -------------------------------------------------------------------------

absl::Status CheckSite(const site::v1::Site& site);

/// Whether this site may register `site`, whose parent is filled in, given the row that it may have
/// already. FAILED_PRECONDITION: it would close a circle, get a second parent, or belongs
/// elsewhere.
absl::Status CheckPutSite(const Self& self, const std::optional<site::v1::Site>& existing,
                          const site::v1::Site& site);

absl::Status CheckAddress(const site::v1::Address& address);

/// Also: the shares have different drives, directories that do not overlap, and URLs or none.
absl::Status CheckDistributionServer(const site::v1::DistributionServer& server);

absl::Status CheckLogonServer(const site::v1::LogonServer& server);

/// Also the form of each member for its kind.
absl::Status CheckGroup(const site::v1::Group& group);

/// One of a batch for site `site_code`; `index` is its place there.
absl::Status CheckWorkstation(absl::string_view site_code, int index,
                              const site::v1::Workstation& workstation);

/// "workstations[3] (SALES|PC7)": how errors name one of a batch.
std::string WorkstationName(int index, const site::v1::Workstation& workstation);

/// NOT_FOUND with the first kNamesShownMax of `names`.
absl::Status NoSuch(absl::string_view what, absl::Span<const std::string> names);

// Packages. -----------------------------------------------------------------------------------

/// What CreatePackage gets, with defaults filled in. Its commands are such that every site takes a
/// job with one.
absl::Status CheckPackage(const package::v1::Package& package);

/// Fills in what the order left open: time limits and exit codes.
void SetDefaults(package::v1::Package& package);

/// The root among `source_directories` in which `source_directory` lies, the longest if several.
/// FAILED_PRECONDITION, naming the roots, if none.
absl::StatusOr<std::string> FindSourceRoot(absl::Span<const std::string> source_directories,
                                           absl::string_view source_directory);

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_REGISTRATION_RULES_H_
