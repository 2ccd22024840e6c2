#include <fmt/format.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

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

constexpr std::size_t dataset_description = 2048;  // bytes: type, shape, place, unit

/// How values lie in memory and in the file.
enum class Stored : std::uint8_t { real, integer, text, unknown };
struct ValueTypes {
    Handle text;  // keeps the type of a text column alive
    hid_t stored = H5I_INVALID_HID;
    hid_t native = H5I_INVALID_HID;
};
ValueTypes types_of(Stored kind, std::size_t value_size) {
    if (kind == Stored::real) return {{}, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
    if (kind == Stored::integer) return {{}, H5T_STD_I64LE, H5T_NATIVE_INT64};
    auto text = text_type(value_size);
    auto const id = text.id();
    return {std::move(text), id, id};
}
Stored stored_as(ColumnData const& data) {
    if (std::holds_alternative<Unknown>(data)) return Stored::unknown;
    if (std::holds_alternative<std::vector<double>>(data)) return Stored::real;
    return std::holds_alternative<std::vector<std::int64_t>>(data) ? Stored::integer : Stored::text;
}

/// How the values of a block lie in the file and in memory; texts padded to `text_size`, in `padded`.
struct BlockView {
    hid_t stored, native;
    std::size_t size;  // bytes of a value
    void const* data;
    std::size_t values;
};
BlockView view_of(BlockData const& data, hid_t text, std::size_t text_size, std::vector<char>& padded) {
    if (auto const* texts = std::get_if<TextColumn>(&data)) {
        padded.assign(texts->size() * text_size, '\0');
        for (std::size_t row = 0; row < texts->size(); ++row)
            (*texts)[row].copy(padded.data() + row * text_size, text_size);
        return {text, text, text_size, padded.data(), texts->size()};
    }
    if (auto const* reals = std::get_if<std::vector<double>>(&data))
        return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, sizeof(double), reals->data(), reals->size()};
    if (auto const* integers = std::get_if<std::vector<std::int32_t>>(&data))
        return {H5T_STD_I32LE, H5T_NATIVE_INT32, sizeof(std::int32_t), integers->data(), integers->size()};
    if (auto const* long_integers = std::get_if<std::vector<std::int64_t>>(&data))
        return {H5T_STD_I64LE, H5T_NATIVE_INT64, sizeof(std::int64_t), long_integers->data(), long_integers->size()};
    auto const& bytes = std::get<std::vector<std::uint8_t>>(data);
    return {H5T_STD_U8LE, H5T_NATIVE_UINT8, sizeof(std::uint8_t), bytes.data(), bytes.size()};
}

/// Of a dataset: its rows, and what one row is (`extents`, or `width` values, or one).
std::vector<hsize_t> shape_of(std::int64_t rows, std::size_t width, std::vector<std::size_t> const& extents) {
    std::vector<hsize_t> shape{static_cast<hsize_t>(rows)};
    if (!extents.empty()) shape.insert(shape.end(), extents.begin(), extents.end());
    else if (width != 1) shape.push_back(width);
    return shape;
}

/// A dataset without its values.
struct Description {
    std::string name, unit;
    Stored kind = Stored::real;
    std::size_t value_size = sizeof(double);
    std::vector<hsize_t> shape;

    /// Bytes in the file.
    [[nodiscard]] std::size_t size() const {
        if (kind == Stored::unknown) return 0;
        return std::accumulate(shape.begin(), shape.end(), value_size, std::multiplies{});
    }
    template <class Archive>
    void exchange(Archive& archive) {
        archive(name);
        archive(unit);
        archive(kind);
        archive(value_size);
        archive(shape);
    }
};

Description described(RowBlocks const& rows, Column const& column) {
    if (!column.extents.empty() && std::accumulate(column.extents.begin(), column.extents.end(), std::size_t{1},
                                                   std::multiplies{}) != column.width)
        throw std::logic_error{fmt::format("{}/{}: the shape of a row is not its width", rows.table(), column.name)};
    auto const kind = stored_as(column.data);
    return {column.name, column.unit, kind, kind == Stored::unknown ? sizeof(double) : rows.value_size(column.data),
            shape_of(rows.total(), column.width, column.extents)};
}

Description described(RowBlocks const& rows, Series const& series) {
    std::vector<hsize_t> shape{series.steps, static_cast<hsize_t>(rows.total())};
    shape.insert(shape.end(), series.extents.begin(), series.extents.end());
    return {series.name, series.unit, Stored::real, sizeof(double), std::move(shape)};
}

/// Calls `take(first, count, bytes)` for one part of a series after another, of which none is large. Collective if `take` is.
template <class Take>
void in_parts(RowBlocks const& rows, Series const& series, Take const& take) {
    constexpr std::size_t values_at_once = std::size_t{1} << 22;
    auto const width = std::accumulate(series.extents.begin(), series.extents.end(), std::size_t{1}, std::multiplies{});
    auto const in_step = std::max(static_cast<std::size_t>(rows.total()) * width, std::size_t{1});
    auto const at_once = std::max(values_at_once / in_step, std::size_t{1});
    for (std::size_t first = 0; first < series.steps; first += at_once) {
        auto const count = std::min(at_once, series.steps - first);
        take(first, count, rows.arrange(series.name, series.values(first, count), sizeof(double), width, count));
    }
}

/// What a piece of a record is.
enum class Entry : std::uint8_t { dataset, attributes };

}  // namespace

struct Hdf5Writer::State {
    State(Communicator const& communicator, std::string name) : comm{communicator}, path{std::move(name)} {}

    Communicator comm;
    std::string path;
    std::string base;  // group that everything lies below
    bool through_mpi = true;
    std::optional<OutputFile> output;  // on the root; destroyed after `file`
    Handle file;
    /// Datasets that are being filled, by path.
    struct Declared {
        Handle dataset;
        std::size_t text_size = 1;
        std::int64_t total = 0;
    };
    std::map<std::string, Declared, std::less<>> declared;  // closed before `file`
    std::string table;                                      // group of the one begun last
    std::optional<RowBlocks> blocks;                        // of its rows
    /// What takes no room, with its group. MPI makes room for every dataset, so the root adds these when the others are complete.
    std::vector<std::pair<std::string, Description>> unknown;
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
    [[nodiscard]] static Handle create_dataset(hid_t group, std::string const& name, std::string const& unit,
                                               hid_t stored, std::vector<hsize_t> const& shape);
    /// Where values go in a dataset: from `start` on, `count` along each axis.
    struct Slab {
        std::vector<hsize_t> start, count;
        [[nodiscard]] bool empty() const { return std::ranges::find(count, hsize_t{0}) != count.end(); }
    };
    [[nodiscard]] bool write_slab(hid_t dataset, hid_t native, Slab const& slab, void const* data,
                                  H5FD_mpio_xfer_t transfer_mode = H5FD_MPIO_COLLECTIVE) const;
    /// `data`: rows [first, first + rows) of a dataset.
    [[nodiscard]] bool write_rows(hid_t dataset, hid_t native, std::int64_t first, std::int64_t rows, void const* data,
                                  H5FD_mpio_xfer_t transfer_mode = H5FD_MPIO_COLLECTIVE) const;
    /// Makes the dataset of a block in its group. Collective.
    [[nodiscard]] Handle create_block(std::string_view group, Block const& block, std::int64_t total,
                                      hid_t stored) const;
    /// Opens or creates a group. Collective.
    [[nodiscard]] Handle require_group(std::string_view group) const;
    /// Makes a dataset in its group. Collective.
    [[nodiscard]] Handle create(std::string_view group, Description const& description, hid_t stored);
    /// Makes it and writes this rank's bytes, rows from `first` on. Collective.
    void write(std::string_view group, Description const& description, std::int64_t first,
               std::vector<char> const& bytes);
    /// The datasets that take no room. On the root.
    void add_unknown(hid_t to) const;
};

/// How ranks open a file together. One rank does it the same way: the bytes do not depend on the number of ranks.
Handle access_together(Communicator const& comm) {
    Handle list{H5Pcreate(H5P_FILE_ACCESS), H5Pclose};
    H5Pset_fapl_mpio(list.id(), comm.handle(), MPI_INFO_NULL);
    H5Pset_coll_metadata_write(list.id(), true);
    H5Pset_all_coll_metadata_ops(list.id(), true);
    return list;
}

/// How one rank opens a file without MPI, which costs less where many small groups follow.
Handle access_alone() {
    Handle list{H5Pcreate(H5P_FILE_ACCESS), H5Pclose};
    // Nobody else knows the temporary name, and some network file systems have no locks.
    H5Pset_file_locking(list.id(), false, true);
    return list;
}

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
        auto const access_list = access_together(comm);
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

namespace {

/// The group of this path, created with its parents where it is not there yet.
Handle open_path(hid_t file, std::string const& group) {
    Handle object{H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose};
    for (std::size_t begin = 0; begin < group.size();) {
        auto const end = std::min(group.find('/', begin), group.size());
        auto const name = group.substr(begin, end - begin);
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

}  // namespace

/// The same below the base.
Handle Hdf5Writer::State::open_group(std::string_view below_base) const {
    return open_path(file.id(), fmt::format("{}/{}", base, below_base));
}

Handle Hdf5Writer::State::require_group(std::string_view group) const {
    Handle found;
    checked("cannot be written", [&] {
        found = open_group(group);
        return found.valid();
    });
    return found;
}

Handle Hdf5Writer::State::create_dataset(hid_t group, std::string const& name, std::string const& unit, hid_t stored,
                                         std::vector<hsize_t> const& shape) {
    Handle const space{H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
    auto const properties = without_times(H5P_DATASET_CREATE);
    H5Pset_fill_time(properties.id(), H5D_FILL_TIME_NEVER);  // every row is written
    Handle dataset{H5Dcreate2(group, name.c_str(), stored, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
                   H5Dclose};
    if (dataset.valid() && !put_attribute(dataset.id(), "unit", unit)) return {};
    return dataset;
}

Handle Hdf5Writer::State::create_block(std::string_view group, Block const& block, std::int64_t total,
                                       hid_t stored) const {
    auto const parent = require_group(group);
    Handle dataset;
    checked(fmt::format("{}/{} cannot be written", group, block.name), [&] {
        dataset = create_dataset(parent.id(), block.name, block.unit, stored, shape_of(total, block.width, {}));
        return dataset.valid() && (block.meaning.empty() || put_attribute(dataset.id(), "meaning", block.meaning));
    });
    return dataset;
}

bool Hdf5Writer::State::write_slab(hid_t dataset, hid_t native, Slab const& slab, void const* data,
                                   H5FD_mpio_xfer_t transfer_mode) const {
    Handle const target{H5Dget_space(dataset), H5Sclose};
    Handle const source{H5Screate_simple(static_cast<int>(slab.count.size()), slab.count.data(), nullptr), H5Sclose};
    if (slab.empty()) {
        H5Sselect_none(target.id());
        H5Sselect_none(source.id());
    } else {
        H5Sselect_hyperslab(target.id(), H5S_SELECT_SET, slab.start.data(), nullptr, slab.count.data(), nullptr);
    }
    Handle const transfer{H5Pcreate(H5P_DATASET_XFER), H5Pclose};
    if (through_mpi) H5Pset_dxpl_mpio(transfer.id(), transfer_mode);
    // A rank without rows takes part with nothing, but HDF5 refuses a null pointer.
    char const nothing = 0;
    return H5Dwrite(dataset, native, source.id(), target.id(), transfer.id(), slab.empty() ? &nothing : data) >= 0;
}

bool Hdf5Writer::State::write_rows(hid_t dataset, hid_t native, std::int64_t first, std::int64_t rows, void const* data,
                                   H5FD_mpio_xfer_t transfer_mode) const {
    Handle const space{H5Dget_space(dataset), H5Sclose};
    // Whole rows, whatever their shape.
    Slab slab;
    slab.count.resize(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space.id())));
    H5Sget_simple_extent_dims(space.id(), slab.count.data(), nullptr);
    slab.start.resize(slab.count.size(), 0);
    slab.start[0] = static_cast<hsize_t>(first);
    slab.count[0] = static_cast<hsize_t>(rows);
    return write_slab(dataset, native, slab, data, transfer_mode);
}

Hdf5Writer::Hdf5Writer(Communicator const& comm, std::string path)
    : state_{std::make_unique<State>(comm, std::move(path))} {
    silence_hdf5();
    state_->create();
}

Hdf5Writer::~Hdf5Writer() = default;

void Hdf5Writer::below(std::string group) { state_->base = std::move(group); }

void Hdf5Writer::continue_on_root(Communicator const& root_alone) {
    state_->checked("cannot be written", [&] { return state_->file.close(); });
    together(state_->comm, [&] {
        if (!state_->comm.is_root()) return;
        auto const access_list = access_alone();
        state_->file = {H5Fopen(state_->output->temporary().c_str(), H5F_ACC_RDWR, access_list.id()), H5Fclose};
        if (!state_->file.valid()) state_->fail("cannot be written", hdf5_reason());
    });
    state_->comm = root_alone;
    state_->through_mpi = false;
}

Handle Hdf5Writer::State::create(std::string_view group, Description const& description, hid_t stored) {
    reserve(dataset_description + description.size());
    auto const parent = require_group(group);
    Handle created;
    checked(fmt::format("{}{}/{} cannot be written", base, group, description.name), [&] {
        created = create_dataset(parent.id(), description.name, description.unit, stored, description.shape);
        return created.valid();
    });
    return created;
}

void Hdf5Writer::State::write(std::string_view group, Description const& description, std::int64_t first,
                              std::vector<char> const& bytes) {
    if (description.kind == Stored::unknown) {
        reserve(dataset_description);
        unknown.emplace_back(fmt::format("{}/{}", base, group), description);
        return;
    }
    auto const types = types_of(description.kind, description.value_size);
    auto const dataset = create(group, description, types.stored);
    if (description.size() == 0) return;
    auto const row = description.size() / description.shape[0];
    checked(fmt::format("{}{}/{} cannot be written", base, group, description.name), [&] {
        return write_rows(dataset.id(), types.native, first, static_cast<std::int64_t>(bytes.size() / row),
                          bytes.data());
    });
}

void Hdf5Writer::State::add_unknown(hid_t to) const {
    for (auto const& [group, description] : unknown) {
        Handle const parent = open_path(to, group);
        Handle const space{
            H5Screate_simple(static_cast<int>(description.shape.size()), description.shape.data(), nullptr), H5Sclose};
        auto const properties = without_times(H5P_DATASET_CREATE);
        double const nothing = std::numeric_limits<double>::quiet_NaN();
        H5Pset_fill_value(properties.id(), H5T_NATIVE_DOUBLE, &nothing);
        H5Pset_alloc_time(properties.id(), H5D_ALLOC_TIME_LATE);
        Handle const dataset{H5Dcreate2(parent.id(), description.name.c_str(), H5T_IEEE_F64LE, space.id(), H5P_DEFAULT,
                                        properties.id(), H5P_DEFAULT),
                             H5Dclose};
        if (!dataset.valid() || !put_attribute(dataset.id(), "unit", description.unit))
            fail(fmt::format("{}/{} cannot be written", group, description.name), hdf5_reason());
    }
}

void Hdf5Writer::begin(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows) {
    state_->table = group;
    state_->blocks.emplace(state_->comm, group, total, rows);
}

void Hdf5Writer::add(Column const& column) {
    auto const& rows = *state_->blocks;
    auto const description = described(rows, column);
    auto const block = description.kind == Stored::unknown
                           ? std::vector<char>{}
                           : rows.arrange(column.name, column.data, description.value_size, column.width);
    state_->write(state_->table, description, rows.begin(), block);
}

void Hdf5Writer::add(Series const& series) {
    auto const& rows = *state_->blocks;
    auto const description = described(rows, series);
    auto const dataset = state_->create(state_->table, description, H5T_IEEE_F64LE);
    if (description.size() == 0) return;
    State::Slab slab{std::vector<hsize_t>(description.shape.size(), 0), description.shape};
    slab.start[1] = static_cast<hsize_t>(rows.begin());
    slab.count[1] = static_cast<hsize_t>(rows.rows());
    in_parts(rows, series, [&](std::size_t first, std::size_t count, std::vector<char> const& bytes) {
        slab.start[0] = first;
        slab.count[0] = count;
        state_->checked(fmt::format("{}/{} cannot be written", state_->table, series.name),
                        [&] { return state_->write_slab(dataset.id(), H5T_NATIVE_DOUBLE, slab, bytes.data()); });
    });
}

struct TableRecord::Table {
    std::string group;
    RowBlocks rows;
};

TableRecord::TableRecord() = default;
TableRecord::~TableRecord() = default;

void TableRecord::begin(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows) {
    table_ =
        std::make_unique<Table>(Table{std::string{group}, RowBlocks{Communicator{MPI_COMM_SELF}, group, total, rows}});
}

void TableRecord::add(Column const& column) {
    auto description = described(table_->rows, column);
    pack_(Entry::dataset);
    pack_(table_->group);
    description.exchange(pack_);
    pack_(description.kind == Stored::unknown
              ? std::vector<char>{}
              : table_->rows.arrange(column.name, column.data, description.value_size, column.width));
}

void TableRecord::add(Series const& series) {
    auto description = described(table_->rows, series);
    std::vector<char> all;
    all.reserve(description.size());
    in_parts(table_->rows, series, [&](std::size_t, std::size_t, std::vector<char> const& bytes) {
        all.insert(all.end(), bytes.begin(), bytes.end());
    });
    pack_(Entry::dataset);
    pack_(table_->group);
    description.exchange(pack_);
    pack_(all);
}

void TableRecord::attributes(std::string_view group, Attributes const& values) {
    pack_(Entry::attributes);
    pack_(std::string{group});
    pack_(static_cast<std::int64_t>(values.size()));
    for (auto const& [name, value] : values) {
        pack_(name);
        pack_(static_cast<std::int64_t>(value.index()));
        std::visit([&](auto const& held) { pack_(held); }, value);
    }
}

namespace {

template <class Value>
Value unpacked(Unpacker& unpack) {
    Value value{};
    unpack(value);
    return value;
}

AttributeValue unpacked_attribute(Unpacker& unpack) {
    switch (unpacked<std::int64_t>(unpack)) {
        case 0: return unpacked<double>(unpack);
        case 1: return unpacked<std::int64_t>(unpack);
        default: return unpacked<std::string>(unpack);
    }
}

}  // namespace

void Hdf5Writer::replay(std::vector<char> const& record) {
    Unpacker unpack{record};
    while (!unpack.exhausted()) {
        auto const entry = unpacked<Entry>(unpack);
        auto const group = unpacked<std::string>(unpack);
        if (entry == Entry::dataset) {
            Description description;
            description.exchange(unpack);
            state_->write(group, description, 0, unpacked<std::vector<char>>(unpack));
            continue;
        }
        Attributes values;
        auto const count = unpacked<std::int64_t>(unpack);
        for (std::int64_t i = 0; i < count; ++i) {
            auto name = unpacked<std::string>(unpack);
            values[std::move(name)] = unpacked_attribute(unpack);
        }
        attributes(group, values);
    }
}

void Hdf5Writer::block(std::string_view group, Block const& block, std::int64_t total, std::int64_t first) {
    auto const what = fmt::format("{}/{} cannot be written", group, block.name);
    std::size_t text_size = 1;
    if (auto const* texts = std::get_if<TextColumn>(&block.data)) {
        for (std::size_t row = 0; row < texts->size(); ++row) text_size = std::max(text_size, (*texts)[row].size());
        text_size = static_cast<std::size_t>(state_->comm.max(static_cast<std::int64_t>(text_size)));
    }
    auto const text = text_type(text_size);
    std::vector<char> padded;
    auto const view = view_of(block.data, text.id(), text_size, padded);
    auto const rows = static_cast<std::int64_t>(view.values / block.width);
    together(state_->comm, [&] {
        if (view.values % block.width != 0 || first < 0 || first + rows > total)
            throw std::logic_error{
                fmt::format("{}/{}: {} values from row {} of {}", group, block.name, view.values, first, total)};
    });
    state_->reserve(dataset_description + static_cast<std::size_t>(total) * block.width * view.size);
    auto const dataset = state_->create_block(group, block, total, view.stored);
    if (total == 0) return;
    state_->checked(what, [&] { return state_->write_rows(dataset.id(), view.native, first, rows, view.data); });
}

void Hdf5Writer::declare(std::string_view group, Block const& like, std::int64_t total, std::size_t text_size) {
    auto const text = text_type(text_size);
    std::vector<char> nothing;
    auto const view = view_of(like.data, text.id(), text_size, nothing);
    state_->reserve(dataset_description + static_cast<std::size_t>(total) * like.width * view.size);
    state_->declared[fmt::format("{}{}/{}", state_->base, group, like.name)] = {
        state_->create_block(group, like, total, view.stored), text_size, total};
}

void Hdf5Writer::fill(std::string_view group, Block const& block, std::int64_t first) {
    auto const path = fmt::format("{}{}/{}", state_->base, group, block.name);
    auto const found = state_->declared.find(path);
    if (found == state_->declared.end()) throw std::logic_error{path + " has not been declared"};
    auto const& [dataset, text_size, total] = found->second;
    auto const text = text_type(text_size);
    std::vector<char> padded;
    auto const view = view_of(block.data, text.id(), text_size, padded);
    auto const rows = static_cast<std::int64_t>(view.values / block.width);
    if (auto const* texts = std::get_if<TextColumn>(&block.data))
        for (std::size_t row = 0; row < texts->size(); ++row)
            if ((*texts)[row].size() > text_size)
                throw std::logic_error{fmt::format("{}: a text longer than {} bytes", path, text_size)};
    if (view.values % block.width != 0 || first < 0 || first + rows > total)
        throw std::logic_error{fmt::format("{}: {} values from row {} of {}", path, view.values, first, total)};
    if (rows == 0) return;
    if (!state_->write_rows(dataset.id(), view.native, first, rows, view.data, H5FD_MPIO_INDEPENDENT))
        state_->fail(path + " cannot be written", hdf5_reason());
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
    state_->declared.clear();
    state_->checked("cannot be completed", [&] { return state_->file.close(); });
    together(state_->comm, [&] {
        if (!state_->comm.is_root()) return;
        // Opening compares the length on the disk with the one it should have.
        auto const access_list = access_alone();
        Handle file{H5Fopen(state_->output->temporary().c_str(), H5F_ACC_RDWR, access_list.id()), H5Fclose};
        if (file.valid()) state_->add_unknown(file.id());
        if (!file.valid() || !file.close()) state_->fail("cannot be completed", hdf5_reason());
        state_->output->commit();
    });
}

}  // namespace dec::core
