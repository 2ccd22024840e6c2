/// \file temporary_folder.hpp
/// A folder for one test, the same on all ranks, gone afterwards.
#pragma once

#include <mpi.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace dec::test {

/// Construction and destruction are collective.
class TemporaryFolder {
  public:
    explicit TemporaryFolder(MPI_Comm comm = MPI_COMM_WORLD) : comm_{comm} {
        std::array<char, 512> name{};
        (std::filesystem::temp_directory_path() / "dec-test-XXXXXX").string().copy(name.data(), name.size() - 1);
        if (is_root() && mkdtemp(name.data()) == nullptr) name[0] = '\0';
        MPI_Bcast(name.data(), static_cast<int>(name.size()), MPI_CHAR, 0, comm_);
        if (name[0] == '\0') throw std::runtime_error{"no temporary folder can be made"};
        path_ = name.data();
    }
    TemporaryFolder(TemporaryFolder const&) = delete;
    TemporaryFolder& operator=(TemporaryFolder const&) = delete;
    ~TemporaryFolder() {
        MPI_Barrier(comm_);
        std::error_code ignored;
        if (is_root()) std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::filesystem::path const& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string const& name) const { return (path_ / name).string(); }
    /// Files in it, hidden ones too. Not collective.
    [[nodiscard]] std::size_t files() const {
        std::filesystem::directory_iterator const entries{path_};
        return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
    }

  private:
    [[nodiscard]] bool is_root() const {
        int rank = 0;
        MPI_Comm_rank(comm_, &rank);
        return rank == 0;
    }
    MPI_Comm comm_;
    std::filesystem::path path_;
};

}  // namespace dec::test
