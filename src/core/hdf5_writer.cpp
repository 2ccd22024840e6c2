#include <fmt/format.h>
#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <system_error>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/output_file.hpp"
#include "hdf5_handle.hpp"
#include "row_blocks.hpp"

namespace dec::core {

namespace {

std::string share_with_all(Communicator const& comm, std::string const& text) {
    std::vector<char> bytes(text.begin(), text.end());
    comm.broadcast(bytes);
    return {bytes.begin(), bytes.end()};
}

/// No times of creation: the same content gives the same bytes.
Handle without_times(hid_t property_class) {
    Handle list{H5Pcreate(property_class), H5Pclose};
    H5Pset_obj_track_times(list.id(), false);
    return list;
}

bool put_scalar(hid_t object, std::string const& name, hid_t stored, hid_t native, void const* value) {
    if (H5Aexists(object, name.c_str()) > 0 && H5Adelete(object, name.c_str()) < 0) return false;
    Handle const space{H5Screate(H5S_SCALAR), H5Sclose};
    Handle const attribute{H5Acreate2(object, name.c_str(), stored, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose};
    return attribute.valid() && H5Awrite(attribute.id(), native, value) >= 0;
}

bool put_attribute(hid_t object, std::string const& name, AttributeValue const& value) {
    if (auto const* text = std::get_if<std::string>(&value)) {
        auto const type = text_type(H5T_VARIABLE);
        char const* begin = text->c_str();
        return put_scalar(object, name, type.id(), type.id(), &begin);
    }
    if (auto const* real = std::get_if<double>(&value))
        return put_scalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, real);
    return put_scalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &std::get<std::int64_t>(value));
}

/// How values lie in memory and in the file.
struct ValueTypes {
    Handle text;  // keeps the type of a text column alive
    hid_t stored = H5I_INVALID_HID;
    hid_t native = H5I_INVALID_HID;
};
ValueTypes types_of(ColumnData const& data, Cell const& cell) {
    if (std::holds_alternative<std::vector<double>>(data)) return {{}, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
    if (std::holds_alternative<std::vector<std::int64_t>>(data)) return {{}, H5T_STD_I64LE, H5T_NATIVE_INT64};
    auto text = text_type(cell.value);
    auto const id = text.id();
    return {std::move(text), id, id};
}

}  // namespace

struct Hdf5Writer::State {
    State(Communicator const& communicator, std::string name) : comm{communicator}, path{std::move(name)} {}

    Communicator comm;
    std::string path;
    std::optional<OutputFile> output;  // on the root; destroyed after `file`
    Handle file;
    std::int64_t expected_bytes = 64 << 10;  // what HDF5 writes for itself, and then what we give it

    /// One HDF5 call that may fail on one rank alone; afterwards all ranks know.
    void checked(std::string_view what, std::function<bool()> const& call) const {
        together(comm, [&] {
            if (!call()) fail(what, hdf5_reason());
        });
    }
    [[noreturn]] void fail(std::string_view what, std::string const& reason) const {
        throw SystemFailure{
            {path, {}, fmt::format("{}: {}", what, reason), "see whether the disk is full, or write to another one"}};
    }

    void create();
    /// HDF5 does not recover from a disk that fills up while it writes (it crashes when MPI ends), so that is found out
    /// before anything is written.
    void reserve(std::size_t bytes);
    [[nodiscard]] Handle open_group(std::string_view group) const;
    [[nodiscard]] Handle create_dataset(hid_t group, Column const& column, ValueTypes const& types,
                                        std::int64_t rows) const;
    [[nodiscard]] bool write_block(hid_t dataset, hid_t native, RowBlock const& block, std::size_t column) const;
};

void Hdf5Writer::State::create() {
    together(comm, [&] {
        if (comm.is_root()) output.emplace(path);
    });
    auto const temporary = share_with_all(comm, comm.is_root() ? output->temporary() : "");
    // A rank that cannot see the file would leave the others waiting inside H5Fcreate.
    together(comm, [&] {
        if (access(temporary.c_str(), W_OK) != 0)
            throw SystemFailure{
                {path,
                 {},
                 fmt::format("rank {} cannot write here: {}", comm.rank(), std::generic_category().message(errno)),
                 "write to a folder that all ranks share"}};
    });
    checked("cannot be written", [&] {
        Handle const access_list{H5Pcreate(H5P_FILE_ACCESS), H5Pclose};
        H5Pset_fapl_mpio(access_list.id(), comm.handle(), MPI_INFO_NULL);
        H5Pset_coll_metadata_write(access_list.id(), true);
        H5Pset_all_coll_metadata_ops(access_list.id(), true);
        file = {H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access_list.id()), H5Fclose};
        return file.valid();
    });
}

void Hdf5Writer::State::reserve(std::size_t bytes) {
    expected_bytes += static_cast<std::int64_t>(bytes);
    together(comm, [&] {
        if (comm.is_root()) output->reserve(expected_bytes);
    });
}

/// The group of this path, created with its parents where it is not there yet.
Handle Hdf5Writer::State::open_group(std::string_view group) const {
    Handle object{H5Gopen2(file.id(), "/", H5P_DEFAULT), H5Gclose};
    for (std::size_t begin = 0; begin < group.size();) {
        auto const end = std::min(group.find('/', begin), group.size());
        std::string const name{group.substr(begin, end - begin)};
        begin = end + 1;
        if (name.empty()) continue;
        auto const properties = without_times(H5P_GROUP_CREATE);
        object =
            H5Lexists(object.id(), name.c_str(), H5P_DEFAULT) > 0
                ? Handle{H5Gopen2(object.id(), name.c_str(), H5P_DEFAULT), H5Gclose}
                : Handle{H5Gcreate2(object.id(), name.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose};
    }
    return object;
}

Handle Hdf5Writer::State::create_dataset(hid_t group, Column const& column, ValueTypes const& types,
                                         std::int64_t rows) const {
    std::vector<hsize_t> shape{static_cast<hsize_t>(rows)};
    if (!column.extents.empty()) shape.insert(shape.end(), column.extents.begin(), column.extents.end());
    else if (column.width != 1) shape.push_back(column.width);
    Handle const space{H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
    auto const properties = without_times(H5P_DATASET_CREATE);
    H5Pset_fill_time(properties.id(), H5D_FILL_TIME_NEVER);  // every row is written
    Handle dataset{
        H5Dcreate2(group, column.name.c_str(), types.stored, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
        H5Dclose};
    if (dataset.valid() && !put_attribute(dataset.id(), "unit", column.unit)) return {};
    return dataset;
}

bool Hdf5Writer::State::write_block(hid_t dataset, hid_t native, RowBlock const& block, std::size_t column) const {
    Handle const target{H5Dget_space(dataset), H5Sclose};
    // Whole rows, whatever their shape.
    std::vector<hsize_t> count(static_cast<std::size_t>(H5Sget_simple_extent_ndims(target.id())));
    H5Sget_simple_extent_dims(target.id(), count.data(), nullptr);
    count[0] = static_cast<hsize_t>(block.rows);
    std::vector<hsize_t> start(count.size(), 0);
    start[0] = static_cast<hsize_t>(block.begin);
    Handle const source{H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose};
    if (block.rows > 0) {
        H5Sselect_hyperslab(target.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
    } else {
        H5Sselect_none(target.id());
        H5Sselect_none(source.id());
    }
    Handle const transfer{H5Pcreate(H5P_DATASET_XFER), H5Pclose};
    H5Pset_dxpl_mpio(transfer.id(), H5FD_MPIO_COLLECTIVE);
    // A rank without rows takes part with nothing, but HDF5 refuses a null pointer.
    char const nothing = 0;
    auto const& bytes = block.columns[column];
    return H5Dwrite(dataset, native, source.id(), target.id(), transfer.id(),
                    bytes.empty() ? &nothing : bytes.data()) >= 0;
}

Hdf5Writer::Hdf5Writer(Communicator const& comm, std::string path)
    : state_{std::make_unique<State>(comm, std::move(path))} {
    silence_hdf5();
    state_->create();
}

Hdf5Writer::~Hdf5Writer() = default;

void Hdf5Writer::table(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows,
                       std::span<Column const> columns) {
    auto const block = to_row_block(state_->comm, group, total, rows, columns);
    constexpr std::size_t description = 2048;  // of a dataset: type, shape, place, unit
    std::size_t bytes = 0;
    for (auto const& cell : block.cells) bytes += description + static_cast<std::size_t>(total) * cell.size();
    state_->reserve(bytes);
    Handle parent;
    state_->checked("cannot be written", [&] {
        parent = state_->open_group(group);
        return parent.valid();
    });
    for (std::size_t c = 0; c < columns.size(); ++c) {
        auto const what = fmt::format("{}/{} cannot be written", group, columns[c].name);
        auto const types = types_of(columns[c].data, block.cells[c]);
        Handle dataset;
        state_->checked(what, [&] {
            dataset = state_->create_dataset(parent.id(), columns[c], types, total);
            return dataset.valid();
        });
        if (total == 0 || columns[c].width == 0) continue;
        state_->checked(what, [&] { return state_->write_block(dataset.id(), types.native, block, c); });
    }
}

void Hdf5Writer::attributes(std::string_view group, Attributes const& values) {
    constexpr std::size_t description = 512;  // of an attribute: name, type, number
    std::size_t bytes = 0;
    for (auto const& [name, value] : values) {
        auto const* text = std::get_if<std::string>(&value);
        bytes += description + name.size() + (text == nullptr ? 0 : text->size());
    }
    state_->reserve(bytes);
    state_->checked("attributes cannot be written", [&] {
        auto const object = state_->open_group(group);
        bool good = object.valid();
        for (auto const& [name, value] : values) good = good && put_attribute(object.id(), name, value);
        return good;
    });
}

void Hdf5Writer::commit() {
    state_->checked("cannot be completed", [&] { return state_->file.close(); });
    together(state_->comm, [&] {
        if (!state_->comm.is_root()) return;
        // Opening compares the length on the disk with the one it should have.
        Handle file{H5Fopen(state_->output->temporary().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
        if (!file.valid() || !file.close()) state_->fail("cannot be completed", hdf5_reason());
        state_->output->commit();
    });
}

}  // namespace dec::core
