//! Having a batch made at its provider, once.

use super::{Batches, Desk, Error};
use crate::{
    domain::{
        batch::{
            self,
            api::{self, Api, Found, Standing},
        },
        failure::Failure,
        output::response_format,
        prompt::Prompt,
        wire::{self, Asked, Outgoing},
    },
    provider::upstream_name,
};
use neptune_bus::BusError;
use neptune_contracts::{
    Timestamp,
    attempt::ErrorClass,
    batch::{Batch, BatchItem, BatchMember, BatchPhase},
    chat::ChatRequest,
    ids::AttemptId,
    resource::ModelSpec,
};

/// Why a batch was not made.
pub(super) enum Halt {
    /// It may be made a little later.
    Later(Failure),
    /// It may have been made: the items of batches that are worked on will tell.
    Waits(Failure),
    /// The provider refuses it.
    Refused(Failure),
    /// The look is over.
    Broken(Error),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        if batch::passes(failure.error.class) { Self::Later(failure) } else { Self::Refused(failure) }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<BusError> for Halt {
    fn from(error: BusError) -> Self {
        Self::Broken(error.into())
    }
}

type Work<'w> = (&'w ModelSpec, &'w [BatchMember]);

impl Batches {
    /// Sends the items and makes the batch, each once.
    pub(super) async fn submit(
        &self,
        desk: &mut Desk<'_>,
        (model, alive): Work<'_>,
        batch: &mut Batch,
    ) -> Result<(), Halt> {
        let Some(api) = api::of(model.provider) else {
            let failure = Failure::new(ErrorClass::Unsupported, "no batch API is spoken with its provider any more");
            return Err(Halt::Refused(failure));
        };
        let mut is_fresh = desk.fresh.contains(&batch.id);
        let mut items = None;
        if batch.phase == BatchPhase::Uploading {
            let (file, sent) = self.file(desk, api, (model, alive, batch, is_fresh)).await?;
            items = sent;
            batch.phase = BatchPhase::Creating { file };
            desk.enter(batch);
            self.store(desk).await?;
            is_fresh = true;
        }
        let BatchPhase::Creating { file } = batch.phase.clone() else { return Ok(()) };
        let upstream = if is_fresh { None } else { self.made_before(desk, api, (model, batch)).await? };
        let upstream = match upstream {
            Some(upstream) => upstream,
            None => {
                let items = match items {
                    Some(items) => items,
                    None if file.is_some() => Vec::new(),
                    None => self.items(desk, (model, alive), api).await?,
                };
                let request = api.create(batch.id, file.as_deref(), &items);
                api::name(&self.provider.ask_batches(model, request, Some(batch.id)).await?)?
            }
        };
        tracing::info!(batch.id = %batch.id, model.id = desk.collection.model, items = alive.len(), upstream, "a batch is made");
        batch.phase = BatchPhase::Submitted { upstream, since: Timestamp::now() };
        desk.enter(batch);
        Ok(self.store(desk).await?)
    }

    /// The file of the items, where they are sent as one; else the items themselves.
    async fn file(
        &self,
        desk: &Desk<'_>,
        api: &dyn Api,
        (model, alive, batch, is_fresh): (&ModelSpec, &[BatchMember], &Batch, bool),
    ) -> Result<(Option<String>, Option<Vec<Vec<u8>>>), Halt> {
        let is_file = api.upload(batch.id, &[]).is_some();
        if is_file && !is_fresh {
            let listed = self.provider.ask_batches(model, api.files(), None).await?;
            if let Some(file) = api.file(&listed, batch.id) {
                return Ok((Some(file), None));
            }
        }
        let items = self.items(desk, (model, alive), api).await?;
        let Some(request) = api.upload(batch.id, &items).filter(|_| is_file) else { return Ok((None, Some(items))) };
        let key = AttemptId::derive(batch.id.0, "file");
        Ok((Some(api::name(&self.provider.ask_batches(model, request, Some(key)).await?)?), None))
    }

    /// The provider's name of a batch that somebody had begun to make, if it was made.
    async fn made_before(
        &self,
        desk: &Desk<'_>,
        api: &dyn Api,
        (model, batch): (&ModelSpec, &Batch),
    ) -> Result<Option<String>, Halt> {
        let listed = self.provider.ask_batches(model, api.list(), None).await?;
        let candidates = match api.find(&listed, batch) {
            Found::No => return Ok(None),
            Found::This(upstream) => return Ok(Some(upstream)),
            Found::Perhaps(candidates) => candidates,
        };
        let mut is_one_working = false;
        for candidate in candidates.into_iter().filter(|candidate| !desk.has(candidate)) {
            let looked = self.provider.ask_batches(model, api.look(&candidate), None).await?;
            match api.standing(&looked)? {
                Standing::Working => is_one_working = true,
                Standing::Ended(paths) if self.has_member(api, model, (batch, &paths)).await? => {
                    return Ok(Some(candidate));
                }
                Standing::Ended(_) => {}
            }
        }
        let message = "a batch that may be this one is worked on; its items tell when it has ended";
        if is_one_working { Err(Halt::Waits(Failure::new(ErrorClass::Overload, message))) } else { Ok(None) }
    }

    async fn has_member(
        &self,
        api: &dyn Api,
        model: &ModelSpec,
        (batch, paths): (&Batch, &[String]),
    ) -> Result<bool, Halt> {
        for path in paths {
            let mut lines = self.provider.lines(model, api::results(path)).await?;
            while let Some(line) = lines.next().await? {
                if let Some(line) = api.line(&line) {
                    return Ok(batch.members.iter().any(|member| member.attempt == line.id));
                }
            }
        }
        Ok(false)
    }

    /// The items of a batch in its provider's words. One that cannot be said in them is put back.
    async fn items(&self, desk: &Desk<'_>, (model, alive): Work<'_>, api: &dyn Api) -> Result<Vec<Vec<u8>>, Halt> {
        let mut items = Vec::with_capacity(alive.len());
        for member in alive {
            let Some(place) = desk.places.get(&member.attempt) else { continue };
            let Some(collected) = self.bus.item(place).await? else { continue };
            match written(&collected.item, (&desk.collection.model, model)) {
                Ok(outgoing) => items.push(api.item(member.attempt, &outgoing.body)),
                Err(failure) => self.end(desk.model, &collected, Err(failure)).await?,
            }
        }
        if items.is_empty() {
            return Err(Halt::Later(Failure::new(ErrorClass::Malformed, "none of its items is left")));
        }
        Ok(items)
    }
}

/// An item as its provider is asked it.
pub(super) fn written(item: &BatchItem, (name, model): (&str, &ModelSpec)) -> Result<Outgoing, Failure> {
    let task = &item.routed.task;
    let form = response_format(&task.input, task.output.as_ref()).filter(|_| model.capabilities.json_schema);
    let formed = form.map(|form| ChatRequest { response_format: Some(form), ..task.input.clone() });
    let input = formed.as_ref().unwrap_or(&task.input);
    let cannot = |_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON");
    let prompt = Prompt::write(input).map_err(cannot)?;
    let upstream_model = upstream_name(name, model);
    wire::of(model.provider).request(&Asked { upstream_model, model, input, prompt: &prompt })
}
